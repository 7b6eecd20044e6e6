"""40 tests whose growth is known by their nature, 20 within their bound and 20 beyond it, judged by a real run.

    python tests/campaigns/growth.py

prints a line for each and fails if more than one is judged wrong. A case that is beyond its bound must fail with a
finding of ``growth``; one within it must have none, ``unjudged`` neither.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ALLOWED = 1
"""Errors among the 40."""

SEED = '''
import psycopg

SQL = """
create table customers (id int primary key, name text not null, email text unique not null, region int not null);
insert into customers select i, 'name ' || i, 'c' || i || '@example.org', i % 20 from generate_series(1, {n} / 10) i;
create table orders (id int primary key, customer_id int not null references customers, status text not null,
                     total int not null, created timestamptz not null, code text not null);
insert into orders
select i, 1 + (i * 7919::bigint) % ({n} / 10), case when i % 3 = 0 then 'open' else 'done' end,
       (i * 104729::bigint) % 9973, '2026-01-01'::timestamptz + i * interval '1 minute', 'c' || lpad(i::text, 8, '0')
from generate_series(1, {n}) i;
create index on orders (customer_id);
create index on orders (created, id);
create index on orders (status);
create index on orders (code text_pattern_ops);
create table bare as select * from orders;
create table tags (id int primary key, name text not null, weight int not null);
insert into tags select i, 'tag ' || i, (i * 31) % 1000 from generate_series(1, {n} / 50) i;
"""

def fill(dsn, scale=2000):
    with psycopg.connect(dsn) as connection:
        connection.execute(SQL.format(n=scale))
'''

HEAD = """
import os
import psycopg
import pytest

@pytest.fixture
def db(perf_db):
    with psycopg.connect(perf_db.dsn) as connection:
        yield connection

def rows(db, sql, *params):
    return db.execute(sql, params).fetchall()

def last(db):
    return rows(db, "select max(id) from orders")[0][0]
"""


@dataclass(frozen=True)
class Case:
    """A test's body, its bound, and whether its work stays within it."""

    name: str
    bound: str
    within: bool
    body: str

    @property
    def test(self) -> str:
        lines = self.body.strip().splitlines()
        body = "\n".join(f"    {line}" for line in lines)
        return f'\n@pytest.mark.perf_budget(growth="{self.bound}")\ndef test_{self.name}(db):\n{body}\n'


def sql(name: str, bound: str, within: bool, text: str, *params: str) -> Case:
    return Case(name, bound, within, f"rows(db, {', '.join([repr(text), *params])})")


def loop(name: str, bound: str, within: bool, over: str, each: str) -> Case:
    """A statement for each row of another, with its only column."""
    return Case(name, bound, within, f"for (one,) in rows(db, {over!r}):\n    rows(db, {each!r}, one)")


LOG = "O(log n)"
CASES = (
    sql("lookup_by_key", LOG, True, "select * from orders where id = %s", "42"),
    sql("lookup_by_index", LOG, True, "select * from orders where customer_id = %s", "42"),
    sql("lookup_of_twenty", LOG, True, "select * from orders where id = any(%s)", "list(range(1, 41, 2))"),
    sql("newest_by_index", LOG, True, "select * from orders order by created desc, id desc limit 10"),
    sql("largest_key", LOG, True, "select max(id) from orders"),
    Case("keyset", LOG, True, 'rows(db, "select * from orders where id > %s order by id limit 20", last(db) // 2)'),
    Case(
        "keyset_of_two_columns",
        LOG,
        True,
        """[(created, id)] = rows(db, "select created, id from orders where id = %s", last(db) // 2)
rows(db, "select * from orders where (created, id) < (%s, %s) order by created desc, id desc limit 20", created, id)""",
    ),
    sql("first_pages_by_offset", LOG, True, "select * from orders order by id limit 20 offset 20"),
    sql("like_prefix", LOG, True, "select * from orders where code like %s", "'c0000012%'"),
    sql(
        "join_of_one", LOG, True, "select * from orders o join customers c on c.id = o.customer_id where o.id = %s", "7"
    ),
    sql(
        "join_of_a_customer",
        LOG,
        True,
        "select * from customers c join orders o on o.customer_id = c.id where c.email = %s",
        "'c7@example.org'",
    ),
    sql("exists_for_one", LOG, True, "select exists (select from orders where customer_id = %s)", "9"),
    sql("sum_of_a_customer", LOG, True, "select sum(total) from orders where customer_id = %s", "11"),
    loop(
        "loop_over_a_page",
        LOG,
        True,
        "select customer_id from orders order by id desc limit 20",
        "select name from customers where id = %s",
    ),
    sql("update_by_key", LOG, True, "update orders set total = 1 where id = %s returning id", "42"),
    sql("count_of_all", "O(n)", True, "select count(*) from bare"),
    sql(
        "sums_by_region",
        "O(n)",
        True,
        "select c.region, sum(o.total) from orders o join customers c on c.id = o.customer_id group by c.region",
    ),
    sql("sort_of_all", "O(n log n)", True, "select id from bare order by total, id"),
    loop("loop_over_all_tags", "O(n)", True, "select id from tags", "select name from tags where id = %s"),
    sql("pairs_of_tags", "O(n^2)", True, "select count(*) from tags a join tags b on a.weight < b.weight"),
    # Beyond.
    sql("cast_of_a_key", LOG, False, "select * from orders where id::text = %s", "'42'"),
    sql("no_index", LOG, False, "select * from bare where customer_id = %s", "42"),
    Case("deep_offset", LOG, False, 'rows(db, "select * from orders order by id limit 20 offset %s", last(db) // 2)'),
    sql("newest_without_index", LOG, False, "select * from bare order by created desc limit 10"),
    sql("count_of_a_status", LOG, False, "select count(*) from orders where status = 'open'"),
    sql("count_that_should_be_slow", "n^0.3", False, "select count(*) from bare"),
    sql("groups_of_all", "n^0.5", False, "select status, sum(total) from bare group by status"),
    sql("like_anywhere", LOG, False, "select * from orders where code like %s", "'%0042%'"),
    sql("like_prefix_without_index", LOG, False, "select * from bare where code like %s", "'c0000012%'"),
    sql("expression_without_index", LOG, False, "select * from customers where lower(email) = %s", "'c7@example.org'"),
    sql(
        "join_without_index",
        LOG,
        False,
        "select * from customers c join bare o on o.customer_id = c.id where c.id = %s",
        "7",
    ),
    sql("join_of_all", LOG, False, "select count(*) from orders o join customers c on c.id = o.customer_id"),
    sql(
        "subquery_for_each_row",
        LOG,
        False,
        "select id, (select count(*) from bare b where b.customer_id = c.id) from customers c order by id limit 5",
    ),
    sql("best_customers", LOG, False, "select customer_id, count(*) from orders group by 1 order by 2 desc limit 5"),
    sql("pairs_of_tags_in_a_line", "O(n)", False, "select count(*) from tags a join tags b on a.weight < b.weight"),
    loop(
        "loop_over_all_open", LOG, False, "select id from tags where weight >= 0", "select name from tags where id = %s"
    ),
    Case(
        "loop_by_chunks",
        LOG,
        False,
        """end = last(db)
for start in range(0, end, 500):
    rows(db, "select id from orders where id > %s order by id limit 500", start)""",
    ),
    loop("scan_for_each_row", "O(n)", False, "select name from tags", "select weight from tags where name = %s"),
    sql("update_without_index", LOG, False, "update bare set total = 1 where code = %s returning id", "'c00000042'"),
    sql("distinct_of_all", LOG, False, "select distinct customer_id from bare"),
)

UNSEEN = (
    sql("two_lookups", LOG, True, "select id from orders where id = 5 union all select id from orders where id = 9"),
    sql("ranks_of_a_customer", LOG, True, "select rank() over (order by total) from orders where customer_id = 5"),
    sql("count_of_a_customer", LOG, True, "select count(*) from orders where customer_id = 5"),
    Case(
        "last_minutes",
        LOG,
        True,
        """[(end,)] = rows(db, "select max(created) from orders")
rows(db, "select * from orders where created > %s::timestamptz - interval '10 minutes'", end)""",
    ),
    sql(
        "chain_of_keys",
        LOG,
        True,
        "with recursive c as (select 1 as id union all select o.id + 1 from c "
        "join orders o on o.id = c.id where c.id < 30) select count(*) from c",
    ),
    sql(
        "latest_of_five",
        LOG,
        True,
        "select * from customers c cross join lateral (select * from orders o "
        "where o.customer_id = c.id order by o.id desc limit 1) l where c.id <= 5",
    ),
    sql("delete_by_key", LOG, True, "delete from tags where id = %s returning id", "7"),
    sql("insert_that_is_there", LOG, True, "insert into tags values (1, 'x', 1) on conflict do nothing returning id"),
    Case(
        "five_pages_by_key",
        LOG,
        True,
        """key = 0
for page in range(5):
    key = rows(db, "select id from orders where id > %s order by id limit 10", key)[-1][0]""",
    ),
    sql("earliest", LOG, True, "select min(created) from orders"),
    sql("scan_for_a_value", "O(n)", True, "select * from bare where total = 7"),
    sql("ranks_of_all", "O(n log n)", True, "select id, rank() over (order by total, id) from bare"),
    sql(
        "best_of_each_region",
        "O(n log n)",
        True,
        "select c.region, max(o.total) from customers c "
        "join orders o on o.customer_id = c.id group by 1 order by 2 desc",
    ),
    # Beyond.
    sql("either_of_two_columns", LOG, False, "select * from orders where id = 5 or total = 7"),
    sql("a_random_five", LOG, False, "select * from orders order by random() limit 5"),
    sql("count_of_customers_that_ordered", LOG, False, "select count(distinct customer_id) from orders"),
    sql(
        "customers_without_orders",
        LOG,
        False,
        "select count(*) from customers c where not exists (select from bare b where b.customer_id = c.id)",
    ),
    sql("regions_of_all", LOG, False, "select region from customers union select weight from tags"),
    Case(
        "last_page_by_offset",
        LOG,
        False,
        'rows(db, "select * from orders order by created, id limit 20 offset %s", last(db) - 20)',
    ),
    sql("neighbours", "O(n)", False, "select count(*) from customers a join customers b using (region)"),
    loop(
        "loop_over_a_region",
        LOG,
        False,
        "select id from customers where region = 3",
        "select count(*) from orders where customer_id = %s",
    ),
    sql("a_day", LOG, False, "select * from orders where date_trunc('day', created) = '2026-01-01'"),
    sql("a_value_or_nothing", LOG, False, "select * from orders where coalesce(code, '') = 'c00000042'"),
    Case("sum_of_the_newer_half", LOG, False, 'rows(db, "select sum(total) from orders where id > %s", last(db) // 2)'),
    sql("list_of_all", "n^0.3", False, "select array_agg(id) from orders"),
    sql("sort_of_all_cheaply", "n^0.5", False, "select id from bare order by total, id"),
)
"""Further ones, written when the rules of measure/growth.py were settled. ``neighbours`` was the one that was wrong:
rows that a join produces were not counted then."""

SHORT = ("keyset", "loop_over_a_page", "like_prefix", "deep_offset", "loop_by_chunks", "no_index")
"""What the tests try."""


@dataclass(frozen=True)
class Outcome:
    """The verdict on a case; ``seen`` are its findings of growth."""

    case: Case
    seen: tuple[str, ...]
    messages: tuple[str, ...]

    @property
    def right(self) -> bool:
        return self.seen == (() if self.case.within else ("over",) * max(len(self.seen), 1))


def run(cases: Sequence[Case], folder: Path) -> tuple[list[Outcome], str]:
    """The cases as a suite of their own, in one run of pytest; its output."""
    (folder / "pyproject.toml").write_text('[tool.perfbudget]\nseed = ["seed:fill"]\nserver = "embedded"\n')
    (folder / "seed.py").write_text(SEED)
    (folder / "test_cases.py").write_text(HEAD + "".join(case.test for case in cases))
    report = folder / "perf.json"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        f"--perf-report=json:{report}",
    ]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PERFBUDGET_CI": "0"}, capture_output=True, text=True, check=False
    )
    tests = json.loads(report.read_text())["tests"] if report.exists() else []
    found = {test["nodeid"].rpartition("::test_")[2]: test for test in tests}
    return [_outcome(case, found.get(case.name)) for case in cases], done.stdout + done.stderr


def _outcome(case: Case, test: dict[str, Any] | None) -> Outcome:
    if test is None or not test["growth"]:
        findings = test["findings"] if test else []
        return Outcome(case, ("nothing",), tuple(one["message"] for one in findings))
    findings = [one for one in test["findings"] if one["code"] == "growth"]
    return Outcome(case, tuple(one["verdict"] for one in findings), tuple(one["message"] for one in findings))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", help="only those whose name contains this")
    parser.add_argument("--unseen", action="store_true", help="the further cases")
    parser.add_argument("--output", action="store_true", help="print what pytest said")
    arguments = parser.parse_args()
    chosen = UNSEEN if arguments.unseen else CASES
    cases = [case for case in chosen if not arguments.cases or arguments.cases in case.name]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perfbudget-campaign-growth-") as folder:
        outcomes, output = run(cases, Path(folder))
    for outcome in outcomes:
        case = outcome.case
        wanted = "within" if case.within else "beyond"
        print(
            f"{'ok' if outcome.right else 'WRONG':6} {case.name:28} {wanted:7} {case.bound:10} {' '.join(outcome.seen)}"
        )
        if not outcome.right:
            print("\n".join(f"         {message}" for message in outcome.messages))
    wrong = sum(not outcome.right for outcome in outcomes)
    if arguments.output or wrong > ALLOWED:
        print(output)
    print(f"{len(cases)} cases, {wrong} wrong, {ALLOWED} allowed; {time.monotonic() - started:.0f} s")
    return int(wrong > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
