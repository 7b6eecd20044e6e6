"""The trap of prepared statements behind a pooler in transaction mode, in words."""

from __future__ import annotations

_STATES = ("42P05", "26000")
"""SQLSTATE of a prepared statement that exists already, and of one that does not exist."""

_NAMES = ("_pg3_", "__asyncpg_")
"""What drivers call the statements they prepare by themselves."""

WORDS = """\
The driver prepared this statement by itself, on a server connection that has since gone to somebody else, as PgBouncer
does it in transaction mode.
ways out: prepare_threshold=None for psycopg.connect (in the kwargs of a pool): no prepared statements
          PgBouncer 1.21 or later with max_prepared_statements above 0, which follows them (psycopg: with libpq 17)"""


def explain(error: BaseException) -> None:
    """Add ``WORDS`` to an error of this trap, to be read below its message; any other is left alone."""
    state = getattr(error, "sqlstate", None)
    if state in _STATES and any(name in str(error) for name in _NAMES):
        error.add_note(WORDS)
