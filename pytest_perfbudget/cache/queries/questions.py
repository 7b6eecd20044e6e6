"""What the cache asks PostgreSQL: one row of one JSON document each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from psycopg import pq

DEBTS = "perfbudget_cache_debt"
"""The table in which writers that could not reach Redis leave what they changed."""

CREATE_DEBTS = (
    f"CREATE TABLE IF NOT EXISTS public.{DEBTS} "
    "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, counters text[] NOT NULL, since timestamptz DEFAULT now())"
)

_FIRST_USER_OID = 16384
_SETTINGS = (
    "search_path", "TimeZone", "DateStyle", "IntervalStyle", "bytea_output", "extra_float_digits", "client_encoding",
    "standard_conforming_strings", "row_security", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config",
    "xmlbinary", "xmloption", "transform_null_equals", "array_nulls", "backslash_quote",
)  # fmt: skip
_SESSION = (
    f"""md5(concat_ws(chr(1), session_user, current_user, {", ".join(f"current_setting('{n}')" for n in _SETTINGS)}))"""
)
_SERVER = """md5(concat_ws('/', pg_postmaster_start_time(), current_database(),
    (SELECT oid FROM pg_database WHERE datname = current_database())))"""
_PLAIN = """current_setting('DateStyle') LIKE 'ISO%' AND current_setting('IntervalStyle') = 'postgres'
    AND current_setting('client_encoding') = 'UTF8' AND current_setting('bytea_output') = 'hex'"""
_SCANS = """(SELECT coalesce(json_object_agg(relid::text, coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), '{}')
    FROM pg_stat_xact_user_tables WHERE seq_scan > 0 OR idx_scan > 0)"""
_HELD = """(SELECT coalesce(json_agg(DISTINCT relation::int8), '[]') FROM pg_locks WHERE pid = pg_backend_pid()
    AND locktype = 'relation' AND relation <> 'pg_locks'::regclass)"""
_CATALOGUES = """(SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
    + pg_stat_get_xact_tuples_deleted(oid)), 0) > 0 FROM
    unnest('{1259,1249,1255,1247,2615,2618,3256,2606,2611,1260,1261,2964,
    2617,2605,3456,3501,3541,2600,3602,3603,3600,3601,3764,2604,2612,826,1417,1418,3118,2753,2616,1262}'::oid[]) AS
    oid)"""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
BEGIN_WITH_FUNCTIONS = f"{BEGIN}; SET LOCAL max_parallel_workers_per_gather = 0"
"""What a function reads in a parallel worker is locked and counted there, where we cannot see it."""

STATE = f"""SELECT json_build_object('server', {_SERVER}, 'session', {_SESSION},
    'plain', NOT pg_is_in_recovery() AND {_PLAIN},
    'debts', (SELECT coalesce(json_agg(json_build_array(id, counters)), '[]') FROM public.{DEBTS}))::text"""
"""Whose the entries are, and what is owed."""

SCANS = f"SELECT {_SCANS}::text"
"""Scans of each table so far: the table's oid → their number. They tell what a block with EXCEPTION has read, which
lets go of its locks."""

READ = f"""SELECT json_build_object('xid', pg_current_xact_id_if_assigned()::text, 'session', {_SESSION}, 'held',
{_HELD})::text"""
"""What the transaction's statement has read, by the locks it holds."""

WRITTEN = f"""SELECT json_build_object('xid', pg_current_xact_id_if_assigned()::text, 'server', {_SERVER},
    'age', extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()),
    'schema', current_setting('track_counts') = 'off' OR {_CATALOGUES},
    'relations', (SELECT coalesce(json_agg(DISTINCT l.relation::int8), '[]') FROM pg_locks l
        LEFT JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation'
        AND l.relation >= {_FIRST_USER_OID} AND coalesce(c.relkind IN ('r', 'p', 'm'), true) AND l.mode IN
        ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
        'AccessExclusiveLock')))::text"""
"""What the transaction may have changed: whatever changes a table locks it until the end, cascades and triggers
included."""

RELATIONS = """SELECT coalesce(json_object_agg(oid::text, relkind::text || relpersistence::text), '{}')::text
    FROM pg_class WHERE oid = ANY(%s::oid[])"""
"""Kind and persistence of relations."""

FUNCTIONS = """SELECT coalesce(json_agg(json_build_array(p.proname, n.nspname = 'pg_catalog', p.provolatile)),
'[]')::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname::text = ANY(%s::text[]) AND (p.provolatile <> 'i' OR n.nspname <> 'pg_catalog')"""
"""Functions of these names that are not built in and immutable."""

HORIZON = "SELECT pg_current_xact_id()::text"
"""A transaction id above those of all transactions that were running."""

RUNNING = "in progress"
"""What pg_xact_status says of a transaction that has not ended."""

_OLDEST = """coalesce((SELECT one FROM pg_snapshot_xip(pg_current_snapshot()) AS one WHERE NOT EXISTS
        (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'transactionid' AND l.granted
            AND l.mode = 'ExclusiveLock' AND l.transactionid = one::xid
            AND a.datid <> (SELECT oid FROM pg_database WHERE datname = current_database()))
        ORDER BY one LIMIT 1), pg_snapshot_xmax(pg_current_snapshot()))::text"""
"""Of the transactions that run, unless a lock proves one to be of another database: that changes no counter of ours,
however long it lasts."""

OVER = f"""SELECT json_build_object('oldest', {_OLDEST}, 'status',
    (SELECT coalesce(json_object_agg(xid, CASE
        WHEN xid::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN '{RUNNING}'
        ELSE coalesce(pg_xact_status(xid::xid8), 'committed') END), '{{}}') FROM unnest(%s::text[]) AS xid))::text"""
"""The oldest transaction that still runs, and what became of these."""

OWE = f"INSERT INTO public.{DEBTS} (counters) VALUES (%s)"
PAID = f"DELETE FROM public.{DEBTS} WHERE id = ANY(%s)"


def value(result: pq.abc.PGresult) -> Any:
    """The document."""
    return json.loads(result.get_value(0, 0) or b"null")


def system(relations: Iterable[int]) -> bool:
    """Whether one of them is a catalogue or a view of catalogues."""
    return any(relation < _FIRST_USER_OID for relation in relations)


def number(result: pq.abc.PGresult) -> str:
    """A transaction id."""
    return (result.get_value(0, 0) or b"").decode()
