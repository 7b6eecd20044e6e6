from __future__ import annotations

import pytest
import shape_plans
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


ANCESTORS = {
    "events_2024": (("public", "events"),),
    "events_2024_a": (("public", "events_2024"), ("public", "events")),
    "events_2024_b": (("public", "events_2024"), ("public", "events")),
    "Events 2025": (("public", "events"),),
    "archived": (("public", "events"),),
    "child": (("public", "parent"),),
    "events_2024_a_id_idx": (("public", "events_2024_id_idx"), ("public", "events_id_idx")),
}
ANCESTORS |= {f"public.{name}": above for name, above in ANCESTORS.items()}
READING = {
    "all": 4, "aliased": 4, "some": 2, "one_left": 1, "one_left_aliased": 1, "one_left_below": 1, "update": 4,
    "update_one_left": 1, "delete": 4, "delete_one_left": 1, "joined": 8, "twice": 8, "one_left_then_all": 5,
    "inherited": 0, "named_like_a_number": 0, "quoted": 0, "quoted_partition": 1,
}  # fmt: skip


@pytest.mark.parametrize("major", shape_plans.MAJORS)
@pytest.mark.parametrize("name", READING)
def test_the_partitions_of_a_table_are_found_by_its_name(name: str, major: int) -> None:
    for text in ("Scan on events", "Scan on public.events"):
        for plan in (f"partitions/{name}", f"partitions/{name}/verbose"):
            found = Pattern.parse(text).matches(shape_plans.plan(plan, major), ANCESTORS)
            assert len(found) == READING[name], (text, plan)
    wrong = Pattern.parse("Scan on archive.events")
    verbose = shape_plans.plan(f"partitions/{name}/verbose", major)
    assert wrong.matches(verbose, ANCESTORS) == ()
    assert wrong.matches(shape_plans.plan(f"partitions/{name}", major), ANCESTORS) == ()


@pytest.mark.parametrize("major", shape_plans.MAJORS)
def test_parts_of_parts_children_and_targets(major: int) -> None:
    def found(text: str, name: str) -> int:
        return len(Pattern.parse(text).matches(shape_plans.plan(f"partitions/{name}", major), ANCESTORS))

    assert found("Scan on events_2024", "all") == 2
    assert found("Scan on events_2024", "one_left_below") == 1
    assert found("Scan on events_2024", "one_left") == 0
    assert found('Scan on "Events 2025"', "one_left_aliased") == 1
    assert found("Scan on parent", "inherited") == 2
    assert found("Scan on child", "inherited") == 1
    assert found("Update on events", "update_one_left") == 1
    assert found('Update on "Events 2025"', "update_one_left") == 1
    assert found("Update on archived", "update_one_left") == 0
    assert found("Delete > Seq Scan on events", "delete_one_left") == 1
    assert found("Insert on events", "insert") == 1
    assert found("Append > Scan on events", "twice") == 8
    assert found("Index Access using events_id_idx on events", "update") == 1


@pytest.mark.parametrize("major", [major for major in shape_plans.MAJORS if major >= 15])
def test_merge_into_partitions(major: int) -> None:
    plan = shape_plans.plan("partitions/merge", major)
    assert len(Pattern.parse("Merge > Index Scan on events").matches(plan, ANCESTORS)) == 1
    assert len(Pattern.parse("Merge on events").matches(plan, ANCESTORS)) == 1


def test_without_the_catalogue_the_aliases_tell_of_partitions() -> None:
    for name, count in (("all", 4), ("some", 0), ("one_left", 1), ("one_left_aliased", 0), ("twice", 8)):
        assert len(Pattern.parse("Scan on events").matches(shape_plans.plan(f"partitions/{name}"))) == count
    assert len(Pattern.parse("Scan on e").matches(shape_plans.plan("partitions/aliased"))) == 4


def test_tables_that_are_only_called_like_partitions_are_none_by_the_catalogue() -> None:
    scans = [
        {"Node Type": "Seq Scan", "Relation Name": name, "Alias": name, "Parent Relationship": "Member"}
        for name in ("log_1", "log_2")
    ]
    plan = parse({"Node Type": "Append", "Plans": scans})
    assert len(Pattern.parse("Seq Scan on log").matches(plan)) == 2
    assert Pattern.parse("Seq Scan on log").matches(plan, ANCESTORS) == ()
    assert len(Pattern.parse("Seq Scan on log_1").matches(plan, ANCESTORS)) == 1


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('Seq Scan on "Order ""Lines"""', 1),
        ("Index Scan on ORDERS_1", 1),
        ('Index Scan on "ORDERS_1"', 0),
        ('Scan on "*Lines*"', 1),
    ],
)
def test_quotes_and_letter_case_are_those_of_sql(text: str, count: int) -> None:
    plans = [shape_plans.plan(f"partitions/{name}") for name in ("quoted", "named_like_a_number")]
    assert sum(len(Pattern.parse(text).matches(plan)) for plan in plans) == count


def test_the_second_of_an_alias_answers_to_it() -> None:
    assert len(Pattern.parse("Scan on o").matches(shape_plans.plan("scans/union_all"))) == 2


@pytest.mark.parametrize("text", ["HashSetOp", "SetOp", "HashSetOp Except"])
def test_a_set_operation_answers_to_all_its_names(text: str) -> None:
    assert len(Pattern.parse(text).matches(shape_plans.plan("scans/excepted", 14))) == 1


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
