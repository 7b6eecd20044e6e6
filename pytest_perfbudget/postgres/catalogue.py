"""What a database holds: names of tables, their size, what they are parts of, definitions of indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

USER = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'"
"""What is not the system's own, of ``pg_namespace n``."""

_TABLES = f"""
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and {USER}"""
_PAGES = f"""
select n.nspname, c.relname, pg_table_is_visible(c.oid), (
    select coalesce(sum(pg_relation_size(t.relid)), 0)
    from (select c.oid as relid where c.relkind <> 'p' union all
          select relid from pg_partition_tree(c.oid) where isleaf and c.relkind = 'p') t
) / current_setting('block_size')::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and {USER}"""
_ROWS = f"""
select n.nspname, c.relname, pg_table_is_visible(c.oid), (
    select coalesce(sum(greatest(l.reltuples, 0)), 0)
    from (select c.oid as relid where c.relkind <> 'p' union all
          select relid from pg_partition_tree(c.oid) where isleaf and c.relkind = 'p') t
    join pg_class l on l.oid = t.relid
)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and {USER}"""
_INDEXES = f"""
select n.nspname, c.relname, pg_table_is_visible(c.oid), pg_get_indexdef(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('i', 'I') and {USER} order by 1, 2"""
_ANCESTORS = f"""
with recursive above (oid, ancestor, distance) as (
    select inhrelid, inhparent, 1 from pg_inherits
    union all
    select a.oid, i.inhparent, a.distance + 1 from above a join pg_inherits i on i.inhrelid = a.ancestor)
select n.nspname, c.relname, pg_table_is_visible(c.oid), pn.nspname, p.relname
from above a join pg_class c on c.oid = a.oid join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = a.ancestor join pg_namespace pn on pn.oid = p.relnamespace
where {USER} order by 1, 2, a.distance, 4, 5"""


def tables(connection: psycopg.Connection) -> frozenset[str]:
    """Plain and schema-qualified names of all tables, partitions, views and foreign tables."""
    rows = connection.execute(_TABLES).fetchall()
    return frozenset(name for schema, table in rows for name in (table, f"{schema}.{table}"))


def pages(connection: psycopg.Connection) -> dict[str, int]:
    """Blocks of each table's main file; a partitioned table has those of its partitions. A plain name is that of
    the table the search path finds; the qualified name is there for each."""
    rows = connection.execute(_PAGES).fetchall()
    found = {f"{schema}.{table}": int(blocks) for schema, table, _, blocks in rows}
    return found | {table: int(blocks) for _, table, visible, blocks in rows if visible}


def rows(connection: psycopg.Connection) -> dict[str, int]:
    """Rows of each table as ANALYZE found them, which reads all of a seeded table but a very large one; a partitioned
    table has those of its partitions. Names as in ``pages``."""
    found = connection.execute(_ROWS).fetchall()
    named = {f"{schema}.{table}": int(count) for schema, table, _, count in found}
    return named | {table: int(count) for _, table, visible, count in found if visible}


def indexes(connection: psycopg.Connection) -> dict[str, str]:
    """Name → definition of each index; the name is qualified where the search path does not find it."""
    rows = connection.execute(_INDEXES).fetchall()
    return {name if visible else f"{schema}.{name}": definition for schema, name, visible, definition in rows}


def ancestors(connection: psycopg.Connection) -> dict[str, tuple[tuple[str, str], ...]]:
    """Every partition or child, of a table or of an index → what it is a part of as (schema, name), the nearest first.
    Keys are as in ``pages``: the plain name where the search path finds it, and the qualified one."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for schema, name, visible, above, ancestor in connection.execute(_ANCESTORS).fetchall():
        for key in (f"{schema}.{name}", name) if visible else (f"{schema}.{name}",):
            found[key] = (*found.get(key, ()), (above, ancestor))
    return found
