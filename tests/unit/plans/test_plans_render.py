from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import pytest
import shape_plans
from hypothesis import given
from hypothesis import strategies as st
from recorded_plans import MAJORS, document, names

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.fingerprint import fingerprint
from pytest_perfbudget.plans.identifiers import identifiers
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.render import tree

TREES = {
    "index_scan_limit": """
Limit
  Sort   Sort Key: id DESC
    Bitmap Heap Scan on orders   Recheck Cond: customer_id = ?
      Bitmap Index Scan on orders_customer_idx   Index Cond: customer_id = ?""",
    "seq_scan_filter": "Seq Scan on orders o   Filter: ((note)::text ~~ ?) AND (total = ?)",
    "left_anti_joins": """
Hash Right Join   Hash Cond: o.customer_id = c.id
  Seq Scan on orders o   Filter: total > ?
  Hash
    Merge Anti Join   Merge Cond: c.id = i.order_id
      Index Only Scan using customers_pkey on customers c
      Index Scan using items_pkey on items i   Filter: qty > ?""",
    "nested_loop_over_seq_scan": """
Aggregate
  Nested Loop   Join Filter: (c.id)::numeric = o.total
    Seq Scan on customers c   Filter: id <= ?
    Seq Scan on orders o""",
    "cte": """
HashAggregate   Group Key: r.status
  CTE recent: Index Scan using orders_placed_idx on orders   Index Cond: placed > ?
  Hash Join   Hash Cond: r.id = s.id
    CTE Scan on recent r
    Hash
      CTE Scan on recent s""",
    "init_plan": """
Bitmap Heap Scan on orders   Recheck Cond: customer_id = ?   Filter: total > (InitPlan).col1
  InitPlan: Aggregate
    Seq Scan on orders orders_1
  Bitmap Index Scan on orders_customer_idx   Index Cond: customer_id = ?""",
    "values_list": """
Nested Loop
  Values Scan
  Index Scan using orders_pkey on orders   Index Cond: id = values.column1""",
    "incremental_sort_spill": """
Limit
  Incremental Sort   Sort Key: status, note   Presorted Key: status
    Index Scan using orders_status_placed_idx on orders""",
    "parallel": """
Finalize Aggregate
  Gather
    Partial Aggregate
      Parallel Seq Scan on orders   Filter: total > ?""",
    "insert_conflict": """
Insert on customers   Conflict Resolution: UPDATE   Conflict Arbiter Indexes: customers_pkey
  Result""",
    "grouping_sets": """
MixedAggregate   Group Keys: ()   Hash Keys: status | customer_id
  Index Scan using orders_pkey on orders   Index Cond: id < ?""",
}


@pytest.mark.parametrize("name", TREES)
def test_the_text_of_a_recorded_plan(name: str) -> None:
    assert "\n".join(tree(parse(document(name)))) == TREES[name].strip()


def test_shape_differs_between_majors_where_postgres_differs() -> None:
    assert tree(parse(document("cte", 15))) != tree(parse(document("cte", 18)))


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("(customer_id = 42)", "customer_id = ?"),
        ("(customer_id = $1)", "customer_id = ?"),
        ("(customer_id = '42'::smallint)", "customer_id = ?"),
        ("(name = ($1)::text)", "name = ?"),
        ("(name = 'it''s'::text)", "name = ?"),
        (r"(name = E'a\\b\'c'::text)", "name = ?"),
        (r"(name = 'a\'::text)", "name = ?"),
        ("(id = ANY ('{1,2,3}'::integer[]))", "id = ANY (?)"),
        ("(id = ANY (ARRAY[$1, $2, $3]))", "id = ANY (?)"),
        ("((code)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
         "(code)::text = ANY (?)"),
        ("(at > '2024-01-01 00:00:00+00'::timestamp(3) with time zone)", "at > ?"),
        ("((id)::numeric = 1.5e10)", "(id)::numeric = ?"),
        ("(col1 = 1)", "col1 = ?"),
        ('("Col 1" = 1)', '"Col 1" = ?'),
        ("(note IS NULL)", "note IS NULL"),
        ("(note = NULL::text)", "note = ?"),
        ("((a = 1) AND (b = 2))", "(a = ?) AND (b = ?)"),
        ("(NOT (hashed SubPlan 12))", "NOT (hashed SubPlan)"),
        ('("*VALUES*_3".column1 = 1)', "values.column1 = ?"),
        ("(pg_temp_12.f(a) > 0)", "pg_temp.f(a) > ?"),
        ("lower((name)::text) DESC", "lower((name)::text) DESC"),
        ("(COALESCE(done, false) AND (a = true))", "COALESCE(done, ?) AND (a = ?)"),
        ("(true_at IS TRUE)", "true_at IS TRUE"),
        ("(\"true\" = 1)", '"true" = ?'),
        ("false", "false"),
        ("(((a = 1) AND (b = 2)) OR ((a = 3) AND (b = 4)))", "((a = ?) AND (b = ?)) OR ..."),
        ("(((a = 1) AND (b = 2)) OR ((a = 3) AND (b = 4)) OR ((a = 5) AND (b = 6)))", "((a = ?) AND (b = ?)) OR ..."),
        ("((a))", "a"),
        ("((a) AND (b))", "(a) AND (b)"),
        ("(a) AND (b)", "(a) AND (b)"),
        ("(" * 3000 + "a" + ")" * 3000, "a"),
        ("(a", "(a"),
        ("a)(b", "a)(b"),
        ("(a))", "(a))"),
        ("()", ""),
        ("((a = 1) OR (b = 2))", "(a = ?) OR (b = ?)"),
    ],
)  # fmt: skip
def test_conditions(written: str, text: str) -> None:
    assert normalise(written) == text


@given(st.integers(-(10**12), 10**12) | st.text(alphabet="ab'\\\"() ${},1", max_size=9))
def test_no_literal_changes_a_condition(value: int | str) -> None:
    if isinstance(value, str):
        doubled = value.replace("'", "''")
        constant = "E'" + doubled.replace("\\", "\\\\") + "'::text" if "\\" in value else f"'{doubled}'::text"
    else:
        constant = str(value) if value >= 0 else f"'{value}'::bigint"
    assert normalise(f"((o.a = {constant}) AND (b > $2))") == "(o.a = ?) AND (b > ?)"


def test_two_literals_one_fingerprint() -> None:
    assert _mark("index_scan_limit") == _mark("index_scan_limit_other_literal")
    assert _mark("any_list_2") == _mark("any_list_5")


@pytest.mark.parametrize("major", shape_plans.MAJORS)
def test_lists_of_rows_of_two_lengths_have_one_fingerprint(major: int) -> None:
    two, three = shape_plans.plan("scans/rows_2", major), shape_plans.plan("scans/rows_3", major)
    assert tree(two) == tree(three)
    assert "BitmapOr" in "".join(tree(two))
    assert fingerprint(two) == fingerprint(three)


def test_the_parts_of_a_bitmap_that_differ_are_all_written() -> None:
    lines = tree(parse(document("bitmap_or")))
    assert len([line for line in lines if "Bitmap Index Scan" in line]) == 2


def test_the_shards_of_citus_are_one_table_and_a_number_behind_another_name_stays() -> None:
    def distributed(shard: str) -> Any:
        scan = {
            "Node Type": "Index Scan", "Relation Name": f"lineitem_{shard}", "Alias": "lineitem",
            "Index Name": f"lineitem_pkey_{shard}", "Filter": f"(lineitem_{shard}.qty > 5)",
        }  # fmt: skip
        tasks = [{"Node": "host=a", "Remote Plan": [[{"Plan": scan}]]}]
        return parse({"Node Type": "Custom Scan", "Custom Plan Provider": "Citus Adaptive",
                      "Distributed Query": {"Job": {"Tasks": tasks}}})  # fmt: skip

    below = "  Index Scan using lineitem_pkey on lineitem   Filter: lineitem.qty > ?"
    assert tree(distributed("360000"))[1] == below
    assert fingerprint(distributed("360000")) == fingerprint(distributed("360001"))
    plain = {"Node Type": "Seq Scan", "Relation Name": "events_202401"}
    assert tree(parse(plain)) == ("Seq Scan on events_202401",)


CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Join Filter", "One-Time Filter")
LITERAL = re.compile(r"'[^']*'|(?<![\w$'\"])\d+(?:\.\d+)?\b")


@pytest.mark.parametrize("major", MAJORS)
@given(data=st.data())
def test_no_literal_changes_the_fingerprint_of_a_plan(major: int, data: st.DataObject) -> None:
    original = document(data.draw(st.sampled_from(names(major))), major)
    changed = copy.deepcopy(original)
    _other_literals(changed, str(data.draw(st.integers(0, 10**9))))
    assert fingerprint(parse(changed)) == fingerprint(parse(original))


def test_literals_are_really_changed() -> None:
    changed = document("seq_scan_filter")
    _other_literals(changed, "77")
    assert changed[0]["Plan"]["Filter"] == "(((note)::text ~~ '77'::text) AND (total = 77))"


def _other_literals(value: Any, other: str) -> None:
    if isinstance(value, list):
        for item in value:
            _other_literals(item, other)
    elif isinstance(value, dict):
        for key, held in value.items():
            if key in CONDITIONS and isinstance(held, str):
                value[key] = LITERAL.sub(lambda match: f"'{other}'" if match[0][0] == "'" else other, held)
            else:
                _other_literals(held, other)


@pytest.mark.parametrize("major", MAJORS)
@given(data=st.data())
def test_neither_layout_nor_the_order_of_keys_changes_the_fingerprint(major: int, data: st.DataObject) -> None:
    original = document(data.draw(st.sampled_from(names(major))), major)
    shuffled = json.dumps(_shuffled(original, data.draw(st.randoms())), indent=data.draw(st.none() | st.integers(0, 9)))
    assert fingerprint(parse(shuffled)) == fingerprint(parse(original))


@pytest.mark.parametrize("major", shape_plans.MAJORS)
def test_a_plan_written_out_and_read_again_has_the_same_lines(major: int) -> None:
    recorded = [document(name, major) for name in names(major)] if major in MAJORS else []
    for one in [*recorded, *shape_plans.documents(major).values()]:
        plan = parse(one)
        again = parse(json.dumps([{"Plan": _written(plan.root)}]))
        assert tree(again) == tree(plan)
        assert list(identifiers(again).values()) == list(identifiers(plan).values())


def _written(node: Node) -> dict[str, Any]:
    return {**node.fields, "Plans": [_written(child) for child in node.children]}


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list):
        return [_shuffled(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    items = [(key, _shuffled(held, chance)) for key, held in value.items()]
    chance.shuffle(items)
    return dict(items)


def test_the_generic_plan_is_the_custom_plan() -> None:
    assert _mark("generic_parameter") == _mark("index_scan") == _mark("auto_explain")


def test_estimates_and_execution_have_one_fingerprint() -> None:
    assert _mark("estimates_only") == _mark("seq_scan_filter")


def test_shapes_that_differ_have_fingerprints_that_differ() -> None:
    apart = ["index_scan", "seq_scan_filter", "sort_spill", "hash_spill", "subplan", "cte", "any_list_2", "window"]
    assert len({_mark(name) for name in apart}) == len(apart)
    condition = {"Node Type": "Seq Scan", "Filter": "(a = 1)"}
    assert fingerprint(parse(condition)) != fingerprint(parse(condition | {"Filter": "((a)::numeric = 1)"}))


COUNTED = re.compile(
    r"Cost|Rows|Width|Loops|(?<!One-)Time|Blocks|WAL|Workers (Planned|Launched)|Space|Sort Method|Memory|Batches"
    r"|Buckets|Fetches|Searches|Storage|Disk|Disabled|Async"
)


@pytest.mark.parametrize("major", MAJORS)
@given(data=st.data())
def test_no_cost_count_or_time_changes_the_fingerprint(major: int, data: st.DataObject) -> None:
    original = document(data.draw(st.sampled_from(names(major))), major)
    changed = copy.deepcopy(original)
    noise = data.draw(st.integers(2, 10**6))
    _shake(changed, noise)
    assert changed != original
    assert fingerprint(parse(changed)) == fingerprint(parse(original))


def _shake(value: Any, noise: int) -> None:
    if isinstance(value, list):
        for item in value:
            _shake(item, noise)
    elif isinstance(value, dict):
        value["Workers Launched"], value["Actual Total Time"] = noise, noise / 7
        for key, held in value.items():
            if COUNTED.search(key) and not isinstance(held, dict | list):
                value[key] = held + noise if isinstance(held, int | float) else f"{held}{noise}"
            else:
                _shake(held, noise)


def _mark(name: str, major: int = 18) -> str:
    return fingerprint(parse(document(name, major)))
