"""Keys of tables: statement triggers that tell which values of a column the rows had that a transaction has changed.

The transition tables of a statement hold the rows as they were and as they are, whatever changed them: a cascade, a
function, ``ON CONFLICT``, ``MERGE``, ``COPY``, another trigger. A transaction of the cache finds the keys in a setting
when it commits; for one of another writer they are a debt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_perfbudget.cache.queries import commits, covering, questions
from pytest_perfbudget.cache.queries.questions import ANNOUNCED, DEBTS, DELETE, INSERT, KEY_FUNCTION, KEYS, UPDATE
from pytest_perfbudget.cache.queries.state import State
from pytest_perfbudget.cache.queries.steps import Sql, Steps
from pytest_perfbudget.errors import CacheError

MOST = 64
"""Keys of a table in one transaction; with more, all of the table has changed."""

_ROWS = {INSERT: ("INSERT", ("new",)), DELETE: ("DELETE", ("old",)), UPDATE: ("UPDATE", ("old", "new"))}

CREATE_FUNCTION = f"""
CREATE OR REPLACE FUNCTION public.{KEY_FUNCTION}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE
    setting text := '{KEYS}' || TG_RELID;
    told text[] := string_to_array(coalesce(current_setting(setting, true), ''), ',');
    rows text := CASE TG_OP WHEN 'INSERT' THEN 'SELECT %1$I AS k FROM new_rows'
        WHEN 'DELETE' THEN 'SELECT %1$I AS k FROM old_rows'
        ELSE 'SELECT %1$I AS k FROM old_rows UNION SELECT %1$I FROM new_rows' END;
    called name;
    one text[];
    fresh text[] := '{{}}';
    dropped boolean := false;
BEGIN
    IF told = '{{*}}' THEN RETURN NULL; END IF;
    FOR place IN 0 .. TG_NARGS - 1 LOOP
        SELECT attname, attisdropped INTO STRICT called, dropped
            FROM pg_attribute WHERE attrelid = TG_RELID AND attnum = TG_ARGV[place]::int2;
        EXIT WHEN dropped;
        EXECUTE format(
            'SELECT array_agg($1 || ''='' || md5(convert_to(k::text, ''UTF8''))) FROM (SELECT DISTINCT k FROM (' || rows
            || ') AS r WHERE k IS NOT NULL LIMIT {MOST + 1}) AS d', called) INTO one USING TG_ARGV[place];
        fresh := fresh || one;
    END LOOP;
    SELECT array_agg(k) INTO fresh FROM (SELECT unnest(fresh) EXCEPT SELECT unnest(told)) AS d (k);
    IF dropped OR cardinality(told) + cardinality(fresh) > {MOST} THEN
        told := '{{*}}';
        fresh := told;
    ELSIF fresh IS NULL THEN
        RETURN NULL;
    ELSE
        told := told || fresh;
    END IF;
    PERFORM set_config(setting, array_to_string(told, ','), true);
    IF current_setting('{ANNOUNCED}', true) IS DISTINCT FROM 'on' THEN
        INSERT INTO public.{DEBTS} (counters) SELECT TG_RELID::text || array_agg(TG_RELID
            || CASE k WHEN '*' THEN k ELSE '.' || k END) FROM unnest(fresh) AS k;
    END IF;
    RETURN NULL;
END $$"""
"""Its arguments are the numbers of the columns, so that renaming one does not matter."""

_TABLE = f"""SELECT json_build_object('name', (SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_namespace n
        WHERE n.oid = c.relnamespace),
    'plain', c.relkind = 'r' AND c.relpersistence = 'p'
        AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid OR inhparent = c.oid),
    'columns', (SELECT json_object_agg(a.attname, CASE WHEN coalesce(l.collisdeterministic, true) AND y.typname IN
            (SELECT name FROM (VALUES {questions.KEY_TYPES}) AS k (name, kind)) THEN a.attnum END)
        FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))::text
    FROM pg_class c WHERE c.oid = %s::regclass"""


def declare(state: State, table: str, columns: Sequence[str]) -> Steps[None]:
    """The triggers of a table, in an announced transaction. Raises CacheError for what cannot be a key."""
    yield Sql(covering.BEGIN)
    found = questions.value((yield Sql(_TABLE, (table,))))
    if not found["plain"]:
        raise CacheError(
            f"{table} can have no keys: it is partitioned, inherits, or is no permanent table",
            remedy="cover() it: what depends on it is invalidated by table",
        )
    numbers = [_number(table, column, found["columns"]) for column in columns]
    yield Sql(covering.CREATE_FUNCTION)
    yield Sql(CREATE_FUNCTION)
    yield Sql(covering.create_trigger(found["name"], "TRUNCATE"))
    for event in _ROWS:
        yield Sql(_create_trigger(found["name"], event, numbers))
    yield from commits.commit(state)


def _number(table: str, column: str, columns: dict[str, Any]) -> str:
    if column not in columns:
        raise CacheError(f"{table} has no column {column}", remedy=f"its columns are {', '.join(columns)}")
    if columns[column] is None:
        raise CacheError(
            f"{table}.{column} cannot be a key: equal values of its type may have several forms",
            remedy="smallint, integer, bigint, uuid, and text or varchar with a deterministic collation can",
        )
    return str(columns[column])


def _create_trigger(table: str, event: int, numbers: list[str]) -> str:
    name, (word, rows) = f"{questions.KEY_TRIGGER}{event}", _ROWS[event]
    referencing = " ".join(f"{row.upper()} TABLE AS {row}_rows" for row in rows)
    arguments = ", ".join(f"'{number}'" for number in numbers)
    return f"""CREATE OR REPLACE TRIGGER {name} AFTER {word} ON {table} REFERENCING {referencing}
        FOR EACH STATEMENT EXECUTE FUNCTION public.{KEY_FUNCTION}({arguments});
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"""
