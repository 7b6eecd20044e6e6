"""The replication slot that covers a database's writers: what makes it, what reads it, and what drops it."""

from __future__ import annotations

from typing import Any

from psycopg import Error

from pytest_perfbudget.cache.queries import commits, covering, questions, versions
from pytest_perfbudget.cache.queries.decoding import ADVANCE, PEEK
from pytest_perfbudget.cache.queries.questions import ANNOUNCED, DEBTS, DECODED
from pytest_perfbudget.cache.queries.state import State
from pytest_perfbudget.cache.queries.steps import Sql, Steps
from pytest_perfbudget.errors import CacheError

DDL = "perfbudget_cache_ddl"
"""The event trigger, and its function, that tell of DDL; logical decoding does not."""

_LOCK = 7_306_917_245_104_338_274  # of the advisory locks of the database: drawn once, so that it is nobody else's
_WORD = '(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")'
_NAME = rf"{_WORD}\.{_WORD}"
_LONGEST = 300  # characters: "table ", two names of 63 bytes, in quotes and all of them quotes, ": TRUNCATE:"

_LOOK = f"""SELECT json_build_object('slot', 'perfbudget_cache_' || d.oid, 'role', current_user,
    'wal_level', current_setting('wal_level'), 'may', r.rolsuper OR r.rolreplication, 'super', r.rolsuper,
    'declared', {questions.DECLARED},
    'install', to_regclass('public.{DEBTS}') IS NULL, 'there', s.slot_name IS NOT NULL,
    'lost', s.wal_status IS NOT DISTINCT FROM 'lost',
    'other', (s.datoid, s.plugin) IS DISTINCT FROM (d.oid, 'test_decoding'::name))::text
    FROM pg_database d JOIN pg_roles r ON r.rolname = current_user
    LEFT JOIN pg_replication_slots s ON s.slot_name = 'perfbudget_cache_' || d.oid
    WHERE d.datname = current_database()"""


def decode(state: State, ddl: bool) -> Steps[None]:
    """Makes the slot unless it is there, and what readers need to read it. Whatever is kept is no longer valid."""
    found = questions.value((yield Sql(_LOOK)))
    _check(found, ddl)
    slot = found["slot"]
    if found["lost"] or not found["there"]:
        if found["declared"]:
            yield Sql(_comment("?"))  # no hits with a slot that has not seen all since: until nothing kept is valid
        if found["lost"]:
            yield Sql("SELECT pg_drop_replication_slot(%s)", (slot,))
        yield from _make(slot)
    yield Sql(covering.BEGIN)
    for text in (*_functions(slot), *(_EVENT_TRIGGER if ddl else ()), _comment(slot)):
        yield Sql(text)
    yield from commits.commit(state)  # of DDL: every entry depends on the schema


def undecode(state: State) -> Steps[None]:
    """Drops the slot and what came with it; nobody reads it meanwhile."""
    slot = questions.value((yield Sql(_LOOK)))["slot"]
    yield Sql(covering.BEGIN)
    yield Sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    yield Sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (slot,))
    yield Sql(f"DROP EVENT TRIGGER IF EXISTS {DDL}; DROP FUNCTION IF EXISTS public.{DDL}()")
    yield Sql(f"DROP FUNCTION IF EXISTS public.{PEEK}(pg_lsn, int), public.{ADVANCE}(pg_lsn)")
    yield Sql(questions.UNDECLARE)
    yield from commits.commit(state)


def _check(found: dict[str, Any], ddl: bool) -> None:
    """Raises CacheError where the slot cannot be made."""
    slot, role = found["slot"], found["role"]
    if found["install"]:
        raise CacheError("the table of debts is not there", remedy="cache.install() makes it")
    if found["wal_level"] != "logical":
        raise CacheError(
            f"wal_level is {found['wal_level']}: nothing can be decoded",
            remedy="ALTER SYSTEM SET wal_level = logical, and restart PostgreSQL\nor cover() the tables",
        )
    if not found["may"]:
        raise CacheError(f"{role} may not make a replication slot", remedy=f"ALTER ROLE {role} REPLICATION")
    if ddl and not found["super"]:
        raise CacheError(
            f"{role} may not make an event trigger, which tells of DDL",
            remedy="a superuser may\nor decode(ddl=False): DDL of writers without a cache is not seen then",
        )
    if found["there"] and found["other"]:
        raise CacheError(
            f"the slot {slot} is of another database or plugin",
            remedy=f"SELECT pg_drop_replication_slot('{slot}'), if nobody needs it",
        )


def _make(slot: str) -> Steps[None]:
    try:
        yield Sql("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (slot,))
    except Error as error:
        raise CacheError(
            f"the slot {slot} cannot be made: {str(error).strip()}",
            remedy="max_replication_slots bounds their number; test_decoding is of PostgreSQL's contrib",
        ) from error


def _comment(slot: str) -> str:
    return f"COMMENT ON TABLE public.{DEBTS} IS '{DECODED}{slot}'"


def _functions(slot: str) -> tuple[str, ...]:
    return (
        f"""CREATE OR REPLACE FUNCTION public.{ADVANCE}(upto pg_lsn) RETURNS pg_lsn LANGUAGE sql SECURITY DEFINER
        SET search_path = pg_catalog AS $$ SELECT end_lsn FROM pg_replication_slot_advance('{slot}', upto) $$""",
        _PEEK.replace("<slot>", slot),
        f"REVOKE ALL ON FUNCTION public.{PEEK}(pg_lsn, int), public.{ADVANCE}(pg_lsn) FROM PUBLIC",
    )


_PEEK = f"""CREATE OR REPLACE FUNCTION public.{PEEK}(asked pg_lsn, most int) RETURNS json LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    nothing CONSTANT jsonb := '{{"all": false, "turn": true, "counters": null, "upto": null}}';
    upto pg_lsn;
    told bigint;
    latest pg_lsn;
    commits jsonb;
    newest bigint;
    changed text[];
    hidden pg_lsn;
BEGIN
    IF (SELECT confirmed_flush_lsn >= asked FROM pg_replication_slots WHERE slot_name = '<slot>') THEN
        RETURN nothing || '{{"all": true}}';
    ELSIF NOT pg_try_advisory_xact_lock({_LOCK}) THEN
        RETURN nothing || '{{"turn": false}}';
    END IF;
    upto := pg_current_wal_flush_lsn();
    IF upto < asked THEN
        PERFORM pg_logical_emit_message(true, 'perfbudget_cache', 'flush');
        RETURN nothing;
    END IF;
    SELECT coalesce(sum(changes), 0), max(last), coalesce(jsonb_agg(jsonb_build_array(xid, ends, names) ORDER BY ends)
            FILTER (WHERE ends IS NOT NULL), '[]') INTO told, latest, commits
    FROM (SELECT xid, count(*) AS changes, max(lsn) AS last, max(lsn) FILTER (WHERE left(data, 6) = 'COMMIT') AS ends,
            CASE WHEN bool_or(data = '{questions.ANNOUNCEMENT}') THEN '{{}}'
                ELSE coalesce(array_agg(DISTINCT name) FILTER (WHERE left(data, 6) = 'table '
                    AND name <> 'public.{DEBTS}'), '{{}}') END AS names
        FROM (SELECT lsn, xid::text::bigint AS xid, left(data, {_LONGEST}) AS data,
                CASE WHEN strpos(split_part(data, ':', 1), '"') = 0 THEN substr(split_part(data, ':', 1), 7)
                ELSE coalesce(
                    substring(left(data, {_LONGEST}) FROM '^table ({_NAME}): (?:INSERT|UPDATE|DELETE):'),
                    substring(data FROM '^table ((?:{_NAME}(?:, )?)+): TRUNCATE:'), '') END AS name
            FROM pg_logical_slot_peek_changes('<slot>', upto, most, 'skip-empty-xacts', '1')) AS rows
        GROUP BY xid) AS transactions;
    newest := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    WITH done AS MATERIALIZED (SELECT (one->>1)::pg_lsn AS ends, one->2 AS names, one->2 = '[]' OR
            pg_visible_in_snapshot((newest + ((one->>0)::bigint - newest % 4294967296 + 6442450944) % 4294967296
                - 2147483648)::text::xid8, pg_current_snapshot()) AS seen
        FROM jsonb_array_elements(commits) AS c (one))
    SELECT array_agg(DISTINCT counter), (SELECT min(ends) FROM done WHERE NOT seen) INTO changed, hidden
    FROM done CROSS JOIN jsonb_array_elements_text(names) AS l (listed)
        LEFT JOIN regexp_matches(listed, '{_NAME}', 'g') AS m (name) ON true
        CROSS JOIN LATERAL (SELECT to_regclass(name[1])::oid::text AS oid) AS r
        CROSS JOIN unnest(CASE WHEN oid IS NULL THEN ARRAY['{versions.SCHEMA}'] ELSE ARRAY[oid, oid || '*'] END)
            AS counter
    WHERE seen;
    RETURN nothing || jsonb_build_object('all', told < most, 'counters', changed, 'upto', CASE
        WHEN hidden IS NULL THEN CASE WHEN told < most THEN upto ELSE latest END
        ELSE (SELECT max((one->>1)::pg_lsn) FROM jsonb_array_elements(commits) AS c (one)
            WHERE (one->>1)::pg_lsn < hidden) END);
END $$"""
"""Reads the changes up to where WAL is on disk: the counters of tables that transactions have changed, ``upto`` where
they may be forgotten once they were paid, and whether these were ``all``; ``turn`` is false while another one reads.

A transaction is decoded before it is visible: until then it is neither paid nor passed, and concerns nobody who asked
before. One that our connections have announced is passed. A name that is no relation's any more stands for all.
"""

_EVENT_TRIGGER = (
    f"""CREATE OR REPLACE FUNCTION public.{DDL}() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('{ANNOUNCED}', true) IS DISTINCT FROM 'on' AND to_regclass('public.{DEBTS}') IS NOT NULL
        AND current_setting('perfbudget_cache.owes_schema', true) IS DISTINCT FROM pg_current_xact_id()::text
        AND (NOT EXISTS (SELECT FROM pg_event_trigger_ddl_commands())
            OR EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp'))
    THEN
        INSERT INTO public.{DEBTS} (counters) VALUES ('{{{versions.SCHEMA}}}');
        PERFORM set_config('perfbudget_cache.owes_schema', pg_current_xact_id()::text, true);
    END IF;
END $$""",
    f"DROP EVENT TRIGGER IF EXISTS {DDL}",
    f"CREATE EVENT TRIGGER {DDL} ON ddl_command_end EXECUTE FUNCTION public.{DDL}()",
    f"ALTER EVENT TRIGGER {DDL} ENABLE ALWAYS",
)
"""Leaves a debt of all in each transaction with DDL, unless it is of temporary tables alone."""
