"""The catalogue as rules see it, of a real database."""

from __future__ import annotations

from collections.abc import Callable

from pytest_perfbudget.model import Catalogue, Index, IndexKey
from pytest_perfbudget.postgres.clones import Clone
from pytest_perfbudget.postgres.relations import catalogue
from pytest_perfbudget.postgres.server import Server

SCHEMA = """
CREATE SCHEMA shop;
CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(20), total numeric(9,2));
INSERT INTO orders SELECT n, 'n' || n, n FROM generate_series(1, 3000) n;
CREATE UNIQUE INDEX by_note ON orders (lower(note), total DESC NULLS LAST) INCLUDE (id) WHERE total > 5;
CREATE INDEX hashed ON orders USING hash (note);
CREATE TABLE shop.orders (id int);
CREATE TABLE shop.hidden (id int);
CREATE TABLE events (happened date, kind int) PARTITION BY RANGE (happened);
CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (kind);
CREATE TABLE events_a1 PARTITION OF events_a FOR VALUES IN (1);
CREATE TABLE events_b PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO events SELECT date '2026-02-01', n FROM generate_series(1, 10) n;
"""


def read(server: Server, cloned: Callable[[str], Clone], sql: str = "") -> Catalogue:
    clone = cloned(SCHEMA)
    with server.connect(clone.name) as connection:
        for statement in filter(None, sql.split(";")):
            connection.execute(statement.encode())
        return catalogue(connection)


def test_tables_with_their_columns_sizes_and_statistics(server: Server, cloned: Callable[[str], Clone]) -> None:
    found = read(server, cloned)
    orders = found.table("orders")
    assert orders is not None
    assert found.major == server.major
    assert (orders.qualified, orders.rows, orders.analysed) == ("public.orders", 3000, True)
    assert orders.pages > 10
    assert orders.columns == {"id": "bigint", "note": "character varying(20)", "total": "numeric(9,2)"}
    assert not any(table.schema in ("pg_catalog", "information_schema") for table in found.tables.values())


def test_indexes_with_keys_expressions_order_and_predicate(server: Server, cloned: Callable[[str], Clone]) -> None:
    found = read(server, cloned)
    assert found.index("by_note") is not None
    table, index = found.index("by_note") or (None, None)
    assert table is found.table("orders")
    assert index == Index(
        name="by_note",
        method="btree",
        keys=(
            IndexKey(None, "lower(note::text)", "text_ops"),
            IndexKey("total", None, "numeric_ops", descending=True, nulls_first=False),
        ),
        included=("id",),
        unique=True,
        predicate="(total > (5)::numeric)",
    )
    assert [key.column for key in (found.index("hashed") or (None, index))[1].keys] == ["note"]  # type: ignore[union-attr]
    assert found.index("no_such_index") is None


def test_names_by_schema_and_by_search_path(server: Server, cloned: Callable[[str], Clone]) -> None:
    found = read(server, cloned)
    assert [found.table(*name).qualified for name in (("orders",), ("orders", "shop"), ("hidden",))] == [  # type: ignore[union-attr]
        "public.orders", "shop.orders", "shop.hidden"]  # fmt: skip
    assert (found.table("nothing"), found.table(None)) == (None, None)


def test_partitions_at_any_depth(server: Server, cloned: Callable[[str], Clone]) -> None:
    found = read(server, cloned)
    events = found.table("events")
    assert events is not None
    assert events.partition_key == ("happened",)
    assert sorted(table.name for table in found.partitions(events)) == ["events_a1", "events_b"]
    assert found.tables["public.events_a1"].parent == "public.events_a"
    assert events.pages == found.tables["public.events_b"].pages == 1


def test_a_table_that_nobody_analysed(server: Server, cloned: Callable[[str], Clone]) -> None:
    sql = (
        "CREATE TABLE fresh AS SELECT n FROM generate_series(1, 5000) n; CREATE TABLE seen AS TABLE fresh; ANALYZE seen"
    )
    found = read(server, cloned, sql)
    fresh, seen = found.tables["public.fresh"], found.tables["public.seen"]
    assert (fresh.analysed, fresh.rows, seen.analysed, seen.rows) == (False, -1, True, 5000)
