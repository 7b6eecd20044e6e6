"""Databases that succeed each other under one name of one process, each handed out in the seed's state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.postgres.clones import Clone
from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.postgres.spares import Spares
from pytest_perfbudget.postgres.templates import Template


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test. The DSN may carry a password, and is not shown."""

    name: str
    dsn: str = field(repr=False)


class Succession:
    """Under one name, as engines made at import time know no other."""

    def __init__(self, server: Server, template: Template, name: str, leave: Callable[[], bool] = lambda: True) -> None:
        """``leave`` has whoever keeps connections between tests close them; False where one must stay."""
        self._server, self._name, self._leave = server, name, leave
        self._spares = Spares(server, template)
        self._clone: Clone | None = None
        self._owner: str | None = None

    def open(self) -> None:
        """Have a database that nobody has been given."""
        if self._clone is None:
            self._clone = self._spares.first(self._name)
        elif self._owner is not None:
            self._clone = self._spares.renew(self._clone)
            self._owner = None

    def fresh(self, owner: str) -> Database:
        """A database in the seed's state for ``owner``; asked again by the same one, the same database. It is also
        kept, whoever asks, for a transaction that spans several tests."""
        if owner != self._owner and self._leave():
            self.open()
            self._owner = owner
        return Database(self._name, self._server.dsn(self._name))

    def close(self, *, keep: bool = True) -> None:
        """Drop the database; with ``keep`` an unused clone may stay for the next run. A server that was killed has
        nothing left to drop."""
        import psycopg

        if self._clone:
            with suppress(PerfbudgetError, psycopg.OperationalError):
                self._spares.close(self._clone, keep=keep)
