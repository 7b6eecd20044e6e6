"""The catalogue as plan rules see it: tables with their statistics, columns, indexes and partitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.model import Catalogue, Index, IndexKey, Table
from pytest_perfbudget.postgres.catalogue import USER, pages

if TYPE_CHECKING:
    import psycopg

_TABLES = f"""
select n.nspname, c.relname, pg_table_is_visible(c.oid), c.reltuples::float8, s.tablename is not null,
       nullif(concat_ws('.', pn.nspname, p.relname), ''),
       case when c.relkind = 'p' then array(
         select coalesce(a.attname::text, 'an expression')
         from pg_partitioned_table k cross join unnest(k.partattrs::int2[]) with ordinality u(number, position)
         left join pg_attribute a on a.attrelid = k.partrelid and a.attnum = u.number and u.number > 0
         where k.partrelid = c.oid order by position) end
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join (select distinct schemaname, tablename from pg_stats) s on (schemaname, tablename) = (n.nspname, c.relname)
left join pg_inherits i on i.inhrelid = c.oid and c.relispartition
left join pg_class p on p.oid = i.inhparent left join pg_namespace pn on pn.oid = p.relnamespace
where c.relkind in ('r', 'p', 'm', 'f') and {USER} order by 1, 2"""
_COLUMNS = f"""
select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'm', 'f') and {USER}
order by 1, 2, a.attnum"""
_INDEXES = f"""
select n.nspname, t.relname, c.relname, m.amname, i.indisunique, pg_get_expr(i.indpred, i.indrelid), i.indnkeyatts,
       array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality u(number, position)
             left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number and u.number > 0
             order by position),
       array(select pg_get_indexdef(i.indexrelid, n, true) from generate_series(1, i.indnatts) n),
       i.indoption::int2[],
       array(select opcname::text from unnest(i.indclass::oid[]) with ordinality u(class, position)
             join pg_opclass o on o.oid = u.class order by position)
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = t.relnamespace join pg_am m on m.oid = c.relam
where i.indisvalid and {USER} order by 1, 2, 3"""

_DESCENDING, _NULLS_FIRST = 1, 2


def catalogue(connection: psycopg.Connection[Any]) -> Catalogue:
    """The tables of the database the connection is in, those of the system left out."""
    sizes = pages(connection)
    columns: dict[str, dict[str, str]] = defaultdict(dict)
    for schema, table, column, type_ in connection.execute(_COLUMNS):
        columns[f"{schema}.{table}"][column] = type_
    indexes: dict[str, list[Index]] = defaultdict(list)
    for schema, table, *index in connection.execute(_INDEXES):
        indexes[f"{schema}.{table}"].append(_index(*index))
    tables, visible = {}, {}
    for schema, name, seen, rows, analysed, parent, key in connection.execute(_TABLES):
        qualified = f"{schema}.{name}"
        tables[qualified] = Table(
            schema=schema,
            name=name,
            pages=sizes.get(qualified, 0),
            rows=rows,
            analysed=analysed,
            columns=columns[qualified],
            indexes=tuple(indexes[qualified]),
            parent=parent,
            partition_key=tuple(key or ()),
        )
        if seen:
            visible[name] = qualified
    return Catalogue(connection.info.server_version // 10000, tables, visible)


def _index(
    name: str,
    method: str,
    unique: bool,
    predicate: str | None,
    keys: int,
    columns: list[str | None],
    expressions: list[str],
    options: Iterable[int],
    classes: list[str],
) -> Index:
    """``columns`` and ``expressions`` are those of the keys and, after them, of INCLUDE."""
    parts = zip(columns[:keys], expressions[:keys], options, classes, strict=True)
    return Index(
        name=name,
        method=method,
        keys=tuple(
            IndexKey(
                column=column,
                expression=None if column else expression,
                opclass=opclass,
                descending=bool(option & _DESCENDING),
                nulls_first=bool(option & _NULLS_FIRST),
            )
            for column, expression, option, opclass in parts
        ),
        included=tuple(column for column in columns[keys:] if column),
        unique=unique,
        predicate=predicate,
    )
