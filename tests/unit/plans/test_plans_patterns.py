from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_plans import document

from pytest_perfbudget.plans.labels import KNOWN
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.patterns import Pattern, Step


def hits(text: str, name: str, major: int = 18) -> list[str]:
    """The relation, or else the type, of every match."""
    plan = parse(document(name, major))
    return [node.relation or node.type for node in Pattern.parse(text).matches(plan)]


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("Seq Scan on orders", "seq_scan_filter", ["orders"]),
        ("seq scan on orders", "seq_scan_filter", ["orders"]),
        ("Seq Scan on o", "seq_scan_filter", ["orders"]),
        ("Seq Scan on public.orders", "seq_scan_filter", ["orders"]),
        ("Seq Scan on customers", "seq_scan_filter", []),
        ("Index Scan on orders", "seq_scan_filter", []),
        ("Seq Scan on ord*", "seq_scan_filter", ["orders"]),
        ("Seq Scan on *x", "seq_scan_filter", []),
        ("Seq Scan on public.customers", "verbose", ["customers"]),
        ("Seq Scan on archive.customers", "verbose", []),
        ("Sort", "index_scan_limit", ["Sort"]),
        ("Sort < Limit", "index_scan_limit", ["Sort"]),
        ("Limit < Sort", "index_scan_limit", []),
        ("Limit > Sort", "index_scan_limit", ["Sort"]),
        ("Sort > Limit", "index_scan_limit", []),
        ("Bitmap Index Scan < Limit", "index_scan_limit", ["Bitmap Index Scan"]),
        ("Limit > Sort > Bitmap Heap Scan on orders", "index_scan_limit", ["orders"]),
        ("Bitmap Heap Scan < Sort < Limit", "index_scan_limit", ["orders"]),
        ("Sort > Limit > Bitmap Heap Scan", "index_scan_limit", []),
        ("Nested Loop > Seq Scan on *", "nested_loop_over_seq_scan", ["customers", "orders"]),
        ("Nested Loop > Seq Scan on *", "hash_in_memory", []),
        ("Index Access on orders", "index_scan_limit", ["orders"]),
        ("Index Access on orders", "index_scan", ["orders"]),
        ("Index Access on orders", "any_list_2", ["orders"]),
        ("Index Access on orders", "seq_scan_filter", []),
        ("Index Access using orders_customer_idx on orders", "index_scan_limit", ["orders"]),
        ("Index Access using orders_pkey on orders", "index_scan_limit", []),
        ("Index Scan using orders_* on orders", "index_scan", ["orders"]),
        ("Bitmap Index Scan on orders", "index_scan_limit", ["Bitmap Index Scan"]),
        ("Bitmap Index Scan on orders_customer_idx", "index_scan_limit", ["Bitmap Index Scan"]),
        ("Join", "left_anti_joins", ["Hash Join", "Merge Join"]),
        ("Hash Right Join", "left_anti_joins", ["Hash Join"]),
        ("Hash Left Join", "left_anti_joins", []),
        ("Scan on customers", "left_anti_joins", ["customers"]),
        ("HashAggregate", "cte", ["Aggregate"]),
        ("Aggregate", "cte", ["Aggregate"]),
        ("GroupAggregate", "cte", []),
        ("CTE Scan on recent", "cte", ["CTE Scan", "CTE Scan"]),
        ("Insert on customers", "insert_conflict", ["customers"]),
        ("Seq Scan on orders", "parallel", ["orders"]),
        ("Parallel Seq Scan on orders", "parallel", ["orders"]),
        ("Parallel Seq Scan on orders", "seq_scan_filter", []),
        ("Seq Scan on events", "partitions_unaliased", ["events_2025"]),
        ("Scan on events", "partitions_unaliased", ["events_2024", "events_2025"]),
        ("Scan on e", "partitions", ["events_2024", "events_2025"]),
        ("Scan on events_2024", "partitions", ["events_2024"]),
    ],
)
def test_matches(text: str, name: str, found: list[str]) -> None:
    assert hits(text, name) == found


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("Seq Scan on orders", ("orders",)),
        ("Seq Scan on public.orders", ("public.orders",)),
        ('Nested Loop > Seq Scan on "Order Lines"', ("Order Lines",)),
        ("Hash Join > Seq Scan on *", ()),
        ("Sort < Limit", ()),
    ],
)
def test_tables(text: str, tables: tuple[str, ...]) -> None:
    assert Pattern.parse(text).tables == tables


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Seq Scna on orders", "'Seq Scna' is not a node type of PostgreSQL; did you mean Seq Scan?"),
        ("xyzzy", "'xyzzy' is not a node type of PostgreSQL: write a node type of EXPLAIN"),
        ("", "a part of '' is empty"),
        ("Sort <", "a part of 'Sort <' is empty"),
        ("Sort < Limit > Hash", "mixes < and >"),
        ("Seq Scan on", "'Seq Scan on' is not a node type of PostgreSQL; did you mean Seq Scan?"),
        ("Seq Scan on orders o", "'Seq Scan on orders o' is not a node pattern"),
        ("Seq Scan on a.b.c", "is not a node pattern"),
    ],
)
def test_a_malformed_pattern_is_told_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError) as error:
        Pattern.parse(text)
    assert words in str(error.value)


NAMES = st.text(alphabet='abz_ "A9.*<>', min_size=1, max_size=6) | st.just("orders")
STEPS = st.builds(
    lambda kind, relation, schema, index, parallel: Step(kind, relation, schema if relation else None, index, parallel),
    st.sampled_from(sorted(KNOWN)),
    st.none() | NAMES,
    st.none() | NAMES,
    st.none() | NAMES,
    st.booleans(),
)


@given(st.lists(STEPS, min_size=1, max_size=3), st.sampled_from("<>"))
def test_what_is_written_is_read_back(steps: list[Step], arrow: str) -> None:
    pattern = Pattern(tuple(steps), arrow if len(steps) > 1 else "")
    assert Pattern.parse(str(pattern)) == pattern


def test_every_recorded_node_answers_to_a_name_a_pattern_can_give() -> None:
    from recorded_plans import MAJORS, names

    from pytest_perfbudget.plans.labels import names as answers

    for major in MAJORS:
        for name in names(major):
            for node in parse(document(name, major)).root.walk():
                assert answers(node) & KNOWN, (name, node.type)
                assert node in Pattern.parse(node.type if node.type in KNOWN else "Join").matches(parse_root(node))


def parse_root(node: object) -> object:
    """The node as the root of a plan of its own."""
    from pytest_perfbudget.plans.node import Node, Plan

    assert isinstance(node, Node)
    return Plan(node, {})
