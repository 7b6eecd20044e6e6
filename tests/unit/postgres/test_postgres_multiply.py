"""Rows of a seed, multiplied: what every copy keeps, and where it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres import Server
from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.multiply import MOST_ROWS, Multiply, factors
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import ensure

SHOP = """
create table customers (id serial primary key, email text unique not null, key uuid unique default gen_random_uuid(),
                        name text, twice int generated always as (id * 2) stored);
insert into customers (email, name) select 'c' || i || '@x', 'n' || i % 3 from generate_series(1, 10) i;
create table profiles (customer_id int primary key references customers, bio text);
insert into profiles select id, 'b' from customers;
create table orders (id bigint generated always as identity primary key, customer_id int references customers,
                     parent bigint references orders, email text references customers (email));
insert into orders (customer_id, email) select 1 + i % 10, 'c' || (1 + i % 10) || '@x' from generate_series(1, 50) i;
update orders set parent = id - 1 where id > 1;
create table lines (order_id bigint references orders, line int, product int, primary key (order_id, line));
insert into lines select o.id, l, l % 2 from orders o, generate_series(1, 3) l;
create table log (at timestamptz, words text);
insert into log select now(), 'w' from generate_series(1, 5);
create table counted (n int);
insert into counted values (0);
create function count_it() returns trigger language plpgsql
as $$ begin update counted set n = n + 1; return null; end $$;
create trigger counting after insert on orders for each row execute function count_it();
create materialized view by_customer as select customer_id, count(*) from orders group by 1;
create table empty (id int primary key);
"""
ROWS = {
    "customers": 10,
    "profiles": 10,
    "orders": 50,
    "lines": 150,
    "log": 5,
    "counted": 1,
    "empty": 0,
    "by_customer": 10,
}

Opened = Callable[[str, int], Any]


@pytest.fixture
def opened(server: Server, tmp_path: Path) -> Opened:
    """A connection to a database of the SQL, multiplied."""

    @contextmanager
    def connection(sql: str, factor: int) -> Iterator[psycopg.Connection]:
        (tmp_path / "seed.sql").write_text(sql)
        seed = Seed.of(["seed.sql"], tmp_path)
        template = ensure(server, Seed((*seed.steps, Multiply(factor))))
        made = clone(server, template, "perfbudget_multiplied")
        try:
            with server.connect(made.name) as found:
                yield found
        finally:
            drop(server, made.name)

    return connection


def test_every_table_has_so_many_times_its_rows_and_every_reference_holds(opened: Opened) -> None:
    with opened(SHOP, 4) as c:
        found = {name: c.execute(f"select count(*) from {name}").fetchone()[0] for name in ROWS}
        assert found == {name: count * 4 for name, count in ROWS.items()}
        constraints = c.execute(
            "select conrelid::regclass::text, conname from pg_constraint where contype = 'f'"
        ).fetchall()
        assert len(constraints) == 5
        for table, name in constraints:  # validated anew: replica's role has not checked them
            definition = c.execute("select pg_get_constraintdef(oid) from pg_constraint where conname = %s", [name])
            c.execute(f"alter table {table} drop constraint {name}, add constraint {name} {definition.fetchone()[0]}")


def test_a_copy_refers_to_its_own_copy_and_keeps_all_other_values(opened: Opened) -> None:
    with opened(SHOP, 3) as c:

        def grouped(sql: str) -> list[Any]:
            return [row[0] for row in c.execute(sql).fetchall()]

        assert set(grouped("select count(*) from orders group by customer_id")) == {5}
        assert set(grouped("select count(*) from lines group by order_id")) == {3}
        assert set(grouped("select count(*) from orders where parent is null")) == {3}
        assert sorted(grouped("select count(*) from customers group by name")) == [9, 9, 12]
        assert grouped("select bool_and(twice = id * 2) from customers") == [True]
        assert grouped("select n from counted") == [0, 0, 0]
        assert grouped(
            "select count(*) from orders o join customers c on c.id = o.customer_id and c.email = o.email"
        ) == [150]


def test_sequences_go_on_after_the_copies(opened: Opened) -> None:
    with opened(SHOP, 3) as c:
        c.execute("insert into customers (email) values ('new')")
        c.execute("insert into orders (customer_id) values (1)")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("create table p (id int) partition by range (id)", "public.p is partitioned or inherited from"),
        ("create table a (id int); create table b () inherits (a)", "is partitioned or inherited from"),
        (
            "create table r (during tstzrange, exclude using gist (during with &&))",
            "public.r has an exclusion constraint",
        ),
        (
            "create table f (flag boolean unique); insert into f values (true)",
            "the unique index f_flag_key has no number",
        ),
        (
            "create table e (word text); insert into e values ('a'); create unique index on e (lower(word))",
            "the unique index e_lower_idx has no number",
        ),
        ("create table s (id smallint primary key); insert into s values (1), (32000)", "smallint out of range"),
        (
            "create table k (id int primary key check (id < 5)); insert into k values (1), (3)",
            "violates check constraint",
        ),
    ],
)
def test_what_cannot_be_multiplied_is_refused_with_the_way_out(opened: Opened, sql: str, words: str) -> None:
    with pytest.raises(SeedError, match="the rows of the seed cannot be multiplied") as caught, opened(sql, 2):
        pass
    assert words in caught.value.what
    assert "have the seed take scale" in caught.value.remedy


SIZES = (1000, 4000, 16_000, 64_000)


@given(st.integers(2, 100_000))
def test_factors_reach_the_sizes_or_eight_times_what_is_there(largest: int) -> None:
    found = factors({"orders": largest, "public.orders": largest}, SIZES, 8)
    assert list(found) == sorted(set(found))
    assert found[-1] >= 7.5 * found[0]
    assert found[0] == 1 or found[0] * largest <= 1.5 * SIZES[0]
    assert found[-1] * largest >= 0.9 * SIZES[-1]


@pytest.mark.parametrize(
    ("count", "words"), [(0, "it makes no rows"), (MOST_ROWS // 7, "8 times its 571,428 rows are more than 4,000,000")]
)
def test_no_rows_and_too_many_are_refused(count: int, words: str) -> None:
    with pytest.raises(SeedError, match=words):
        factors({"orders": count, "public.orders": count}, SIZES, 8)
