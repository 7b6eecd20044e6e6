"""Statement triggers for writers that no cache knows of: they leave a debt, which readers find within their licence."""

from __future__ import annotations

from pytest_perfbudget.cache.queries.questions import ANNOUNCED, DEBTS, INSERT, KEY_TRIGGER

ANNOUNCE = f"SET LOCAL {ANNOUNCED} = 'on'"
BEGIN = f"BEGIN; {ANNOUNCE}"

CREATE_FUNCTION = f"""
CREATE OR REPLACE FUNCTION public.perfbudget_cache_owe() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('{ANNOUNCED}', true) IS DISTINCT FROM 'on'
        AND current_setting('perfbudget_cache.owes_' || TG_RELID, true) IS DISTINCT FROM pg_current_xact_id()::text
    THEN
        INSERT INTO public.{DEBTS} (counters)
        SELECT array_agg(oid::text) || array_agg(oid::text || '*') FROM (
            WITH RECURSIVE tree AS (SELECT TG_RELID AS oid
                UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.oid)
            SELECT oid FROM tree) AS below;
        PERFORM set_config('perfbudget_cache.owes_' || TG_RELID, pg_current_xact_id()::text, true);
    END IF;
    RETURN NULL;
END $$"""
"""Once for each table and transaction: a savepoint that is rolled back takes the debt and the memory of it along."""

TREE = f"""WITH RECURSIVE tree AS (SELECT %s::regclass::oid AS oid
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON i.inhparent = t.oid)
    SELECT format('%%I.%%I', n.nspname, c.relname) FROM tree JOIN pg_class c USING (oid)
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = '{KEY_TRIGGER}{INSERT}')"""
"""The table and all that inherit from it, partitions included; without those whose triggers tell keys."""


def create_trigger(table: str, events: str = "INSERT OR UPDATE OR DELETE OR TRUNCATE") -> str:
    """For a table whose name is quoted; in force for changes under ``session_replication_role`` as well."""
    return f"""CREATE OR REPLACE TRIGGER perfbudget_cache AFTER {events} ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION public.perfbudget_cache_owe();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER perfbudget_cache"""
