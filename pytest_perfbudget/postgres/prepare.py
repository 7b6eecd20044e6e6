"""What is done to a seeded database so that its statistics and its pages are the same each time.

ANALYZE reads every row, and is then deterministic, where 300 × the statistics target of one column ≥ rows. Only one
unique column of each table gets such a target: it has no most common values, so planning stays as fast as it is in
production, and all other columns keep their 100 entries.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres.markers import quoted

if TYPE_CHECKING:
    import psycopg

_ROWS_PER_TARGET = 300  # std_typanalyze, src/backend/commands/analyze.c
_TARGET_MAX = 10_000  # MAX_STATISTICS_TARGET
_MARGIN = 1.1  # reltuples is an estimate where VACUUM could skip pages

# One column of each table: of a unique index on it alone before any other, then of a unique index, then the first.
_COLUMNS = """
select distinct on (c.oid) n.nspname, c.relname, a.attname, i.indexrelid is not null and i.indnkeyatts = 1,
       case when c.relkind = 'p'
            then (select sum(greatest(l.reltuples, 0))
                  from pg_partition_tree(c.oid) t join pg_class l on l.oid = t.relid where t.isleaf)
            else c.reltuples end
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_index i on i.indrelid = c.oid and i.indisunique and i.indpred is null
                    and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])
where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
order by c.oid, i.indnkeyatts nulls last, a.attlen < 0, a.attnum"""
# Else who first reads a row that ANALYZE wrote marks it as committed, and with checksums that is WAL: of a statement
# that is planned while another one is executed (in a function) it would count as work, once in each clone.
_CATALOGUES = "VACUUM pg_statistic, pg_class, pg_attribute, pg_statistic_ext_data"
_MAY_CHECKPOINT = "select rolsuper from pg_roles where rolname = current_user"


def prepare(connection: psycopg.Connection) -> tuple[str, ...]:
    """Checkpoint, clean up and analyse the connection's database; what could not be made deterministic."""
    if connection.execute(_MAY_CHECKPOINT).fetchone() == (True,):
        connection.execute("CHECKPOINT")
    connection.execute("VACUUM")
    notes = []
    for schema, table, column, unique, rows in connection.execute(_COLUMNS).fetchall():
        target = min(math.ceil((rows or 0) * _MARGIN / _ROWS_PER_TARGET), _TARGET_MAX)
        if target <= 100:
            continue
        relation = f"{quoted(schema)}.{quoted(table)}"
        connection.execute(f"ALTER TABLE ONLY {relation} ALTER COLUMN {quoted(column)} SET STATISTICS {target}")
        if rows > _TARGET_MAX * _ROWS_PER_TARGET:
            notes.append(f"{schema}.{table} has {rows:,.0f} rows: ANALYZE samples above 3,000,000, its statistics vary")
        if not unique:
            notes.append(f"{schema}.{table} has no unique column: the statistics of {column} are larger than usual")
    connection.execute("ANALYZE")
    connection.execute(_CATALOGUES)
    return tuple(notes)
