"""Hypothesis strategies: EXPLAIN documents of any tree of nodes, and JSON of any kind."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Plan", "Plans", "Node Type", "Alias", "Actual Loops", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)

# fmt: off
KEYS = st.sampled_from([
    "Relation Name", "Alias", "Index Name", "Filter", "Sort Key", "Hash Batches", "Workers", "Actual Rows",
    "Actual Loops", "Join Type", "Strategy", "Grouping Sets", "Full-sort Groups", "Subplan Name", "Parent Relationship",
    "Total Cost", "Rows Removed by Filter", "Shared Hit Blocks",
])
# fmt: on
TYPES = st.sampled_from(["Seq Scan", "Index Scan", "Nested Loop", "Hash", "Aggregate", "Sort", "Bitmap Heap Scan"])


def _with_children(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda node, plans: node | {"Plans": plans}, WILD_NODE, st.lists(inner, max_size=3))


WILD_NODE = st.builds(
    lambda kind, fields: {**fields, "Node Type": kind},
    TYPES | st.text(min_size=1, max_size=6).filter(str.strip),
    st.dictionaries(KEYS, JSON, max_size=6),
)
WILD_DOCUMENT = st.recursive(WILD_NODE, _with_children, max_leaves=6).map(lambda node: [{"Plan": node}])
"""Documents whose nodes are nodes and whose keys hold anything."""

# fmt: off
ROLES = st.sampled_from([
    {"Parent Relationship": "Outer"}, {"Parent Relationship": "Inner"},
    {"Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1"},
    {"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)"},
    {"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 2"},
    {"Parent Relationship": "InitPlan", "Subplan Name": "CTE a"},
    {"Parent Relationship": "InitPlan", "Subplan Name": "CTE b"},
    {"Parent Relationship": "InitPlan"},
])
COUNTS = st.fixed_dictionaries(
    {"Actual Loops": st.integers(0, 5), "Actual Rows": st.integers(0, 10**6) | st.floats(0, 10**6),
     "Plan Rows": st.integers(0, 10**6)},
    optional=dict.fromkeys(
        ("Shared Hit Blocks", "Shared Read Blocks", "Local Hit Blocks", "Temp Read Blocks", "Temp Written Blocks",
         "WAL Records", "WAL Bytes", "Actual Total Time", "Rows Removed by Filter", "Heap Fetches", "Hash Batches"),
        st.integers(0, 10**9),
    ),
)
SHOWN = st.dictionaries(
    st.sampled_from(["Filter", "Index Cond", "Recheck Cond", "CTE Name"]),
    st.sampled_from(["(x = $0)", "(x = (InitPlan 2).col1)", "a", "b"]), max_size=3,
)
EXECUTED = st.sampled_from([
    "Seq Scan", "CTE Scan", "Nested Loop", "Gather", "Sort", "Append", "ModifyTable", "Limit", "Bitmap Heap Scan",
    "Aggregate", "Hash", "Materialize", "Index Only Scan",
]).map(lambda kind: {"Node Type": kind})
# fmt: on
COUNTED_NODE = st.builds(
    lambda *parts: {k: v for part in parts for k, v in part.items()}, EXECUTED, ROLES, COUNTS, SHOWN
)
COUNTED_DOCUMENT = st.recursive(
    COUNTED_NODE,
    lambda inner: st.builds(lambda node, plans: node | {"Plans": plans}, COUNTED_NODE, st.lists(inner, max_size=4)),
    max_leaves=12,
)
"""Executed plans whose counters need not fit each other, with InitPlans and CTEs anywhere."""

LABELS = st.sampled_from(["Hash", "Sort   Sort Key: a", "Seq Scan on a", "Seq Scan on b", "Append", "Limit"])
TREE = st.recursive(
    LABELS.map(lambda label: (label, ())),
    lambda inner: st.tuples(LABELS, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=10,
)
"""(label, children)."""


def lines(tree: tuple[str, tuple[Any, ...]], depth: int = 0) -> tuple[str, ...]:
    """The tree as ``render.tree`` writes it."""
    label, children = tree
    return ("  " * depth + label, *(line for child in children for line in lines(child, depth + 1)))


def grown(seed: int, size: int) -> tuple[str, tuple[Any, ...]]:
    """A tree of ``size`` nodes with few labels, the same for the same seed."""
    chance = random.Random(seed)
    labels = [chance.choice(("Hash", "Sort", "Append", "Seq Scan on a", "Seq Scan on b")) for _ in range(size)]
    children: list[list[int]] = [[] for _ in range(size)]
    for node in range(1, size):
        children[chance.randrange(node // 2, node)].append(node)
    built: dict[int, tuple[str, tuple[Any, ...]]] = {}
    for node in reversed(range(size)):
        built[node] = (labels[node], tuple(built[child] for child in children[node]))
    return built[0]
