"""PB304 temp-blocks

What it finds
    A node that wrote temporary blocks of its own, and is not named by PB301, PB302 or PB303: the scan of a CTE, a
    Materialize, a window over many rows, a function that returns a set, an aggregate with DISTINCT or ORDER BY inside.
    Where the plan does not tell which of two nodes wrote them, neither is named.

Why it matters
    Rows that do not fit into work_mem are written to a temporary file and read again, once for each reader.

Example
    WITH recent AS MATERIALIZED (SELECT * FROM orders) SELECT … FROM recent a JOIN recent b USING (id)
        CTE Scan on recent a        wrote 262 temporary blocks

Use instead
    NOT MATERIALIZED, where the CTE is cheap to execute twice; fewer rows or columns kept for later; a larger work_mem
    for this statement.

Options
    blocks    temporary blocks of 8 kB written by the node itself (1)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import hash_spilled, sort_spilled
from pytest_perfbudget.plans.labels import label
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.plans.shares import shares
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    if not any(node.number(_WRITTEN) for node in subject.plan.nodes):
        return
    for node, share in shares(subject.plan).of.items():
        if share.temp_written >= max(1, thresholds["blocks"]) and share.exact and not _named(node):
            words = f"wrote {format_count(share.temp_written)} temporary blocks: {label(node)}"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, words, node)


_WRITTEN = "Temp Written Blocks"


def _named(node: Node) -> bool:
    """Whether another rule says it: a spilled Hash writes in the name of its join as well."""
    parts = [node, *(child for child in node.children if child.type == "Hash")]
    return any(sort_spilled(part) or hash_spilled(part) for part in parts)


RULE = Rule("PB304", "temp-blocks", frozenset({"analyze", "buffers"}), _check, __doc__, {"blocks": 1})
