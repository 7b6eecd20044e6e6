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

DECODED = "decoded by "
"""Begins the comment on the table of debts where a replication slot covers the writers of the database; its name ends
it, ``?`` as long as there is none."""

DECLARED = f"starts_with(obj_description(to_regclass('public.{DEBTS}'), 'pg_class'), '{DECODED}')"
UNDECLARE = f"COMMENT ON TABLE public.{DEBTS} IS NULL"

ANNOUNCEMENT = "message: transactional: 1 prefix: perfbudget_cache, sz: 9 content:announced"
"""What is decoded of a transaction of ours that marks its counters itself: of a message in its WAL."""

ANNOUNCED = "perfbudget_cache.announced"
"""The setting with which a transaction of ours says that it marks its counters itself."""

KEYS = "perfbudget_cache.keys_"
"""Before a table's oid: the setting in which triggers leave the keys that the transaction has changed, ``*`` where they
are too many."""

KEY_TRIGGER, KEY_FUNCTION = "perfbudget_cache_", "perfbudget_cache_keys"
"""The function of the triggers that tell keys, and what their names begin with; each event's number ends them."""

INSERT, DELETE, UPDATE = 4, 8, 16
"""Events of statement triggers, as ``pg_trigger.tgtype`` has them."""

_FIRST_USER_OID = 16384
_SETTINGS = (
    "search_path", "TimeZone", "DateStyle", "IntervalStyle", "bytea_output", "extra_float_digits", "client_encoding",
    "standard_conforming_strings", "row_security", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config",
    "xmlbinary", "xmloption", "transform_null_equals", "array_nulls", "backslash_quote", "quote_all_identifiers",
    "timezone_abbreviations", "gin_fuzzy_search_limit",
)  # fmt: skip
_OF_EXTENSIONS = {
    "pg_trgm.similarity_threshold": "0.3", "pg_trgm.word_similarity_threshold": "0.6",
    "pg_trgm.strict_word_similarity_threshold": "0.5",
}  # fmt: skip
"""What operators of pg_trgm compare with, and what is in force before it is loaded."""
_VALUES = [f"current_setting('{name}')" for name in _SETTINGS]
_VALUES += [f"coalesce(current_setting('{name}', true), '{usual}')" for name, usual in _OF_EXTENSIONS.items()]
_SESSION = f"md5(concat_ws(chr(1), session_user, current_user, {', '.join(_VALUES)}))"
_SERVER = """md5(concat_ws('/', extract(epoch FROM pg_postmaster_start_time()), current_database(),
    (SELECT oid FROM pg_database WHERE datname = current_database())))"""
"""Whose the counters are: the same for every session, whatever its time zone."""
_PLAIN = """current_setting('DateStyle') LIKE 'ISO%' AND current_setting('IntervalStyle') = 'postgres'
    AND current_setting('client_encoding') = 'UTF8' AND current_setting('bytea_output') = 'hex'"""
_SCANS = """(SELECT coalesce(json_object_agg(relid::text, coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), '{}')
    FROM pg_stat_xact_user_tables WHERE seq_scan > 0 OR idx_scan > 0)"""
_HELD = """(SELECT coalesce(json_agg(DISTINCT relation::int8), '[]') FROM pg_locks WHERE pid = pg_backend_pid()
    AND locktype = 'relation' AND relation <> 'pg_locks'::regclass)"""
_CATALOGUES = """(SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
    + pg_stat_get_xact_tuples_deleted(oid)), 0) > 0 FROM
    unnest('{1259,1249,1255,1247,2615,2618,3256,2606,2611,1260,1261,2964,
    2617,2605,3456,3501,3541,2600,2620,3602,3603,3600,3601,3764,2604,2612,826,1417,1418,3118,2753,2616,1262,
    2602,2603,2607,3576}'::oid[]) AS oid)"""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
ALONE = "SET LOCAL max_parallel_workers_per_gather = 0"
"""What a function reads in a parallel worker is locked and counted there, where we cannot see it."""

_DECODED = f"""(SELECT json_build_object('asked', pg_current_wal_insert_lsn(),
    'paid', s.confirmed_flush_lsn >= pg_current_wal_insert_lsn(), 'refusal', CASE
        WHEN s.slot_name IS NULL THEN 'the slot ' || n.slot || ' is missing'
        WHEN s.datoid IS DISTINCT FROM (SELECT oid FROM pg_database WHERE datname = current_database())
            THEN 'the slot ' || n.slot || ' is of another database'
        WHEN s.wal_status = 'lost' THEN 'the slot ' || n.slot || ' is lost: its WAL was removed' ELSE '' END)
    FROM (SELECT substring(obj_description('public.{DEBTS}'::regclass, 'pg_class') FROM '^{DECODED}(.+)$')) AS n (slot)
    LEFT JOIN pg_replication_slots s ON s.slot_name = n.slot WHERE n.slot IS NOT NULL AND NOT pg_is_in_recovery())"""

STATE = f"""SELECT json_build_object('server', {_SERVER}, 'session', {_SESSION},
    'plain', NOT pg_is_in_recovery() AND {_PLAIN}, 'decoded', {_DECODED},
    'debts', (SELECT coalesce(json_agg(json_build_array(id, counters)), '[]') FROM public.{DEBTS}))::text"""
"""Whose the entries are, and what is owed; where a slot covers the writers, up to where it is to be read."""

SCANS = f"SELECT {_SCANS}::text"
"""Scans of each table so far: the table's oid → their number. They tell what a block with EXCEPTION has read, which
lets go of its locks."""

READ = f"""SELECT json_build_object('xid', pg_current_xact_id_if_assigned()::text, 'session', {_SESSION}, 'held',
{_HELD})::text"""
"""What the transaction's statement has read, by the locks it holds."""

WROTE = "perfbudget_cache: nobody has announced it, wrote"
READ_ONLY = READ.replace(
    "pg_current_xact_id_if_assigned()::text", f"('{WROTE} ' || pg_current_xact_id_if_assigned()::text)::int"
)
"""The same, and an error that says :data:`WROTE` where the transaction has written: what follows is not executed."""


def _keyed(relation: str) -> str:
    """Whether every change of rows of a relation tells its keys: all three triggers are in force, and its rows are in
    no other table. Under a lock of a writer that cannot change."""
    triggers = ", ".join(f"('{KEY_TRIGGER}{event}', {event})" for event in (INSERT, DELETE, UPDATE))
    return f"""(SELECT count(*) = 3 AND count(DISTINCT tgargs) = 1 FROM pg_trigger WHERE tgrelid = {relation}
        AND tgfoid = to_regproc('public.{KEY_FUNCTION}') AND tgenabled = 'A' AND tgqual IS NULL
        AND (tgname, tgtype) IN ({triggers}))
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = {relation} OR inhparent = {relation})"""


WRITTEN = f"""WITH written AS MATERIALIZED (SELECT l.relation::int8, bool_and(l.mode = 'RowExclusiveLock') AS rows_only
    FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.relation >= {_FIRST_USER_OID}
    AND coalesce(c.relkind IN ('r', 'p', 'm'), true) AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock',
        'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') GROUP BY l.relation)
SELECT json_build_object('xid', pg_current_xact_id_if_assigned()::text, 'server', {_SERVER},
    'age', extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()),
    'schema', current_setting('track_counts') = 'off' OR {_CATALOGUES},
    'relations', (SELECT coalesce(json_agg(relation), '[]') FROM written),
    'message', CASE WHEN pg_current_xact_id_if_assigned() IS NOT NULL
            AND {DECLARED}
        THEN pg_logical_emit_message(true, 'perfbudget_cache', 'announced') END,
    'keys', (SELECT coalesce(json_object_agg(relation::text, coalesce(current_setting('{KEYS}' || relation, true), '')),
        '{{}}') FROM written
        WHERE rows_only AND current_setting('{ANNOUNCED}', true) = 'on'
        AND current_setting('transaction_isolation') = 'read committed' AND {_keyed("relation")}))::text"""
"""What the transaction may have changed: whatever changes a table locks it until the end, cascades and triggers
included. And the keys it has changed, of tables of which it has changed rows only: its snapshot of the triggers is
newer than its locks where it is READ COMMITTED, and settings that were RESET on the way do not say ``announced``. Where
a slot covers the writers, its WAL says that this one is announced."""

RELATIONS = f"""SELECT coalesce(json_object_agg(oid::text, relkind::text || relpersistence::text || CASE WHEN EXISTS
        (SELECT FROM pg_trigger t WHERE t.tgrelid = pg_class.oid AND tgname = '{KEY_TRIGGER}{INSERT}')
        THEN 'k' ELSE '' END), '{{}}')::text
    FROM pg_class WHERE oid = ANY(%s::oid[])"""
"""Kind and persistence of relations, and ``k`` where keys were declared."""

_PROCEDURAL = "p.prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('internal', 'c'))"
_OF_PROC = "d.refclassid = 'pg_proc'::regclass"
_KEY_TYPES = {"int2": "int", "int4": "int", "int8": "int", "text": "text", "varchar": "text", "uuid": "uuid"}
KEY_TYPES = ", ".join(f"('{name}', '{kind}')" for name, kind in _KEY_TYPES.items())
"""Types whose equal values have one text form, given a deterministic collation; and the parameters they take."""

KEYED = f"""WITH held AS (SELECT unnest(%s::oid[]) AS oid)
SELECT json_build_object('session', {_SESSION}, 'plain',
    NOT EXISTS (SELECT FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
        WHERE o.oid >= {_FIRST_USER_OID} AND ({_PROCEDURAL} OR o.oprname = '=' AND o.oprleft < {_FIRST_USER_OID}))
    AND NOT EXISTS (SELECT FROM pg_cast c JOIN pg_proc p ON p.oid = c.castfunc
        WHERE c.oid >= {_FIRST_USER_OID} AND {_PROCEDURAL})
    AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_constraint k ON k.oid = d.objid
        WHERE d.classid = 'pg_constraint'::regclass AND k.contypid <> 0 AND {_OF_PROC})
    AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN held ON held.oid = r.ev_class
        WHERE d.classid = 'pg_rewrite'::regclass AND {_OF_PROC})
    AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_policy y ON y.oid = d.objid JOIN held ON held.oid = y.polrelid
        WHERE d.classid = 'pg_policy'::regclass AND {_OF_PROC}),
'columns', (SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, a.attname, c.oid::text, a.attnum, k.kind)
        ORDER BY c.oid, array_position(string_to_array(encode(t.tgargs, 'escape'), chr(92) || '000'), a.attnum::text)),
        '[]')
    FROM held JOIN pg_class c ON c.oid = held.oid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = '{KEY_TRIGGER}{INSERT}'
    JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
        AND a.attnum::text = ANY(string_to_array(encode(t.tgargs, 'escape'), chr(92) || '000'))
    JOIN pg_type y ON y.oid = a.atttypid AND y.typnamespace = 'pg_catalog'::regnamespace
    JOIN (VALUES {KEY_TYPES}) AS k (name, kind) ON k.name = y.typname
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE coalesce(l.collisdeterministic, true) AND {_keyed("c.oid")}
        AND (k.kind <> 'text' OR NOT EXISTS (SELECT FROM pg_collation WHERE NOT collisdeterministic))))::text"""
"""Key columns of these relations, those of text where no statement can compare by a collation in which other texts are
equal, as EXPLAIN does not show it; ``plain`` says that no expression can call code that the plan does not name:
operators, casts and domains of the database, and functions within views and policies."""

_LOCKED = "(SELECT relation FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation')"
_VIEWS = f"FROM pg_class WHERE oid IN {_LOCKED} AND oid >= {_FIRST_USER_OID} AND relkind = 'v'"
DEFINITIONS = f"""SELECT coalesce(json_agg(definition), '[]')::text FROM (
    SELECT pg_get_viewdef(oid) {_VIEWS}
    UNION ALL SELECT pg_get_expr(p.polqual, p.polrelid) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.oid IN {_LOCKED} AND c.relrowsecurity AND p.polcmd IN ('r', '*')
        AND (row_security_active(c.oid) OR EXISTS (SELECT {_VIEWS}))) AS found (definition)"""
"""Views that the transaction has locked, and policies on its tables, as SQL: within a view its owner's are in force."""

FUNCTIONS = """SELECT coalesce(json_agg(json_build_array(p.proname, n.nspname = 'pg_catalog', p.provolatile)),
'[]')::text
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname::text = ANY(%s::text[]) AND (p.provolatile <> 'i' OR n.nspname <> 'pg_catalog')"""
"""Functions of these names that are not built in and immutable."""

RUNNING = "in progress"
"""What pg_xact_status says of a transaction that has not ended."""

_OLDEST = """coalesce((SELECT one FROM pg_snapshot_xip(pg_current_snapshot()) AS one WHERE NOT EXISTS
        (SELECT FROM pg_locks l JOIN pg_stat_get_activity(NULL) a USING (pid)
            WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock' AND l.transactionid = one::xid
            AND a.datid <> (SELECT oid FROM pg_database WHERE datname = current_database()))
        ORDER BY one LIMIT 1), pg_snapshot_xmax(pg_current_snapshot()))::text"""
"""Of the transactions that run, unless a lock proves one to be of another database: that changes no counter of ours,
however long it lasts."""

OVER = f"""SELECT json_build_object('horizon', CASE WHEN %s THEN pg_current_xact_id()::text END,
    'oldest', {_OLDEST}, 'status',
    (SELECT coalesce(json_object_agg(xid, CASE
        WHEN NOT pg_visible_in_snapshot(xid::xid8, pg_current_snapshot()) THEN '{RUNNING}'
        ELSE coalesce(pg_xact_status(xid::xid8), 'committed') END), '{{}}') FROM unnest(%s::text[]) AS xid))::text"""
"""The oldest transaction that still runs, and what became of these (one that waits for a standby has committed in the
eyes of some servers, and is not visible yet); on demand a transaction id above those of all that were running."""

OWE = f"INSERT INTO public.{DEBTS} (counters) VALUES (%s)"
PAID = f"DELETE FROM public.{DEBTS} WHERE id = ANY(%s)"


def value(result: pq.abc.PGresult) -> Any:
    """The document."""
    return json.loads(result.get_value(0, 0) or b"null")


def system(relations: Iterable[int]) -> bool:
    """Whether one of them is a catalogue or a view of catalogues."""
    return any(relation < _FIRST_USER_OID for relation in relations)
