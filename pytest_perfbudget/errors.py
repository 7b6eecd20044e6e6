"""The errors a user can meet: each says what was tried, why it failed and the ways out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class At:
    """A line of a file the user wrote; ``line`` counts from 1, 0 means the whole file."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class PerfbudgetError(Exception):
    """Anything that stops us and that the user can mend.

    ``what`` is one sentence; ``at`` the place in the user's files; ``remedy`` the lines that say what to do.
    """

    def __init__(self, what: str, *, at: At | None = None, remedy: str = "") -> None:
        self.what, self.at, self.remedy = what, at, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.at}: {self.what}" if self.at else self.what
        return "\n".join([head, *(f"    {line}" for line in self.remedy.splitlines())])

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.at, self.remedy))


def _rebuild(kind: type[PerfbudgetError], what: str, at: At | None, remedy: str) -> PerfbudgetError:
    """An error crosses process boundaries (pytest-xdist) whole."""
    return kind(what, at=at, remedy=remedy)


class SettingsError(PerfbudgetError):
    """An option, an environment variable or a key of ``[tool.perfbudget]`` cannot be used.

    Common causes: a value that is not one of the choices; options that exclude each other.
    """


class BudgetError(PerfbudgetError):
    """A budget, written in TOML or in a marker, cannot be used.

    Common causes: a misspelt key; a number without its unit; a waiver without an end date; a marker that
    names a budget no file defines.
    """


class BaselineError(PerfbudgetError):
    """A recorded baseline cannot be read or written.

    Common causes: merge-conflict markers in the JSON; a file written by a newer version; a full disk.
    """


class ServerError(PerfbudgetError):
    """PostgreSQL could not be found, started or reached.

    Common causes: the ``embedded`` extra is not installed; a DSN that refuses; a disk that is full.
    """


class PoolError(PerfbudgetError):
    """A connection pool cannot be used as it is.

    Common causes: an async pool used in another event loop than it was opened in; psycopg_pool is not installed.
    """


class CacheError(PerfbudgetError):
    """The query cache cannot be used as it is.

    Common causes: a COMMIT it cannot see; the extra ``cache`` is not installed.
    """


class StaleError(CacheError, AssertionError):
    """The cache answered with what is not so any more.

    Common causes: a writer that uses neither ``cache.connection()`` nor a covered table; a function named in ``pure``
    that depends on more than its arguments and tables.
    """


class SeedError(PerfbudgetError):
    """The seed of the test database failed; ``at`` is the file and line of the statement that did.

    Common causes: a SQL error in the seed; a callable that cannot be imported; an extension that is missing.
    """


class DisturbedError(PerfbudgetError):
    """Nothing can be measured by the clock now; ``what`` says why. A limit on time is ``unjudged`` then.

    Common causes: a test of another worker that does not end; the time a run may measure for is used up.
    """


class PlanError(PerfbudgetError):
    """A document is not a plan of PostgreSQL's EXPLAIN (FORMAT JSON).

    Common causes: EXPLAIN without FORMAT JSON; a truncated copy.
    """
