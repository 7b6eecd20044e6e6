"""The stamp of a baseline: under which conditions plans and counts were taken."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_perfbudget.model import Environment
from pytest_perfbudget.postgres.catalogue import indexes
from pytest_perfbudget.postgres.templates import base

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.seed import Seed
    from pytest_perfbudget.postgres.server import Server

# What the server itself calls relevant to EXPLAIN (pg_settings_get_flags, 15+), and what ANALYZE depends on.
_FLAGGED = "('EXPLAIN' = any(pg_settings_get_flags(name)) or name = 'default_statistics_target')"
# The same list as PostgreSQL 14's guc.c flags with GUC_EXPLAIN.
_LISTED = """(name = 'default_statistics_target' or name ~ '^enable_' or name ~ '^jit' and context = 'user'
    or name ~ '_cost$' and name !~ 'vacuum' or name ~ '^(min_)?parallel_' or name ~ '^geqo' or name in (
    'constraint_exclusion', 'cursor_tuple_fraction', 'effective_cache_size', 'effective_io_concurrency',
    'force_parallel_mode', 'from_collapse_limit', 'hash_mem_multiplier', 'join_collapse_limit', 'jit',
    'logical_decoding_work_mem', 'maintenance_io_concurrency', 'max_parallel_workers',
    'max_parallel_workers_per_gather', 'parallel_leader_participation', 'plan_cache_mode', 'row_security',
    'search_path', 'temp_buffers', 'work_mem'))"""
_DIFFERING = "select name, setting from pg_settings where setting is distinct from boot_val and {} order by name"
_FLAGS_SINCE = 15

_DATABASE = """
select to_jsonb(d)->>'datlocprovider', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', d.datcollate),
       current_setting('block_size')::int, pg_jit_available()
from pg_database d where datname = current_database()"""

_USER = "nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)'"
_SCHEMA = f"""
with spaces as (select oid, nspname from pg_namespace where {_USER}),
relations as (select c.*, nspname from pg_class c join spaces n on n.oid = c.relnamespace)
select concat_ws(' ', 'relation', nspname, relname, relkind, relpersistence, reloptions::text,
                 pg_get_expr(relpartbound, oid), case when relkind = 'p' then pg_get_partkeydef(oid) end)
from relations where relkind not in ('i', 'I')
union all
select concat_ws(' ', 'column', nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull,
                 attidentity, attgenerated, attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
from pg_attribute a join relations c on c.oid = a.attrelid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where attnum > 0 and not attisdropped and relkind not in ('i', 'I')
union all
select concat_ws(' ', 'constraint', nspname, conrelid::regclass, contypid::regtype, conname,
                 pg_get_constraintdef(k.oid))
from pg_constraint k join spaces n on n.oid = k.connamespace
union all
select concat_ws(' ', 'function', nspname, case when prokind in ('f', 'p', 'w') then pg_get_functiondef(p.oid)
                                                else p.oid::regprocedure::text end)
from pg_proc p join spaces n on n.oid = p.pronamespace
where not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = p.oid and deptype = 'e')
union all
select concat_ws(' ', 'view', nspname, relname, pg_get_viewdef(oid)) from relations where relkind in ('v', 'm')
union all
select concat_ws(' ', 'type', nspname, typname, typtype, typbasetype::regtype, (
    select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid))
from pg_type t join spaces n on n.oid = t.typnamespace where typtype in ('d', 'e', 'r')
union all
select concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid)) from pg_trigger t where not tgisinternal
union all
select concat_ws(' ', 'extension', extname, extversion) from pg_extension"""


def environment(connection: psycopg.Connection, server: Server, seed: Seed) -> Environment:
    """Read from a connection of ours to a clone; the settings are those its sessions begin with."""
    provider, locale, block_size, jit = connection.execute(_DATABASE).fetchone() or ("", "", 0, False)
    relevant = _FLAGGED if server.major >= _FLAGS_SINCE else _LISTED
    settings: dict[str, str] = dict(connection.execute(_DIFFERING.format(relevant)).fetchall())
    return Environment(
        version=server.version,
        major=server.major,
        profile=server.profile.name,
        server=server.kind,
        locale=f"{locale} ({ {'b': 'builtin', 'i': 'icu'}.get(provider, 'libc') })",
        block_size=block_size,
        jit=jit,
        settings=settings,
        schema=schema_hash(connection),
        seed=seed.hash(base(server))[:12],
        indexes=indexes(connection),
    )


def schema_hash(connection: psycopg.Connection) -> str:
    """Twelve hexadecimal digits over tables, columns, types, constraints, functions, views and triggers; indexes
    are an inventory of their own."""
    lines = sorted(row[0] for row in connection.execute(_SCHEMA))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
