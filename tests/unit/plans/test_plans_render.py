from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_plans import MAJORS, document, names

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.fingerprint import fingerprint
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
