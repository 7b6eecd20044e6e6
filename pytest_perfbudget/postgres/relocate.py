"""Moving what a seed has made into another schema of its database, so that another seed can be run beside it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres.seeders import Target

SCHEMA = "perfbudget_ref"
_GRANT_ALL_BEFORE = 150000  # server_version_num
_STAYS = r"""
select 'the extension ' || extname from pg_extension where extname <> 'plpgsql'
union all
select 'the schema ' || nspname from pg_namespace
where nspname not in ('pg_catalog', 'information_schema', 'public') and nspname !~ '^pg_(toast|temp)'
union all
select 'the function ' || proname || ', which names its schema' from pg_proc
where pronamespace = 'public'::regnamespace and (prosrc ~* '\mpublic\M"?\s*\.' or proconfig::text ~ 'search_path')
union all
select 'the event trigger ' || evtname from pg_event_trigger
union all
select 'the publication ' || pubname from pg_publication
limit 1"""


@dataclass(frozen=True, slots=True)
class Relocate:
    """A step of a seed: what is in ``public`` is in :data:`SCHEMA` afterwards, and ``public`` is empty."""

    name: str = "moving the reference into a schema of its own"
    note: str = ""

    def contents(self) -> bytes:
        return f"relocate to {SCHEMA}".encode()

    def run(self, target: Target) -> None:
        """Raises SeedError: something was made that cannot be moved, or is not found where it moved to."""
        import psycopg

        connection = target.connection
        if found := connection.execute(_STAYS).fetchone():
            raise SeedError(f"{found[0]} cannot be moved into another schema")
        rights = "ALL" if connection.info.server_version < _GRANT_ALL_BEFORE else "USAGE"
        try:
            connection.execute(f"ALTER SCHEMA public RENAME TO {SCHEMA}")
            connection.execute(f"CREATE SCHEMA public; GRANT {rights} ON SCHEMA public TO PUBLIC")
        except psycopg.errors.InsufficientPrivilege as error:
            raise SeedError(f"the schema public cannot be renamed: {error.diag.message_primary}") from None
