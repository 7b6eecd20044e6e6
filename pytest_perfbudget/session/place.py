"""Where the tests of one process run: the server, the template, this worker's database. Made on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.advice.trial import try_index
from pytest_perfbudget.capture.explain import fill
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.replay import Replay, count_work_again
from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.model import Environment, Statement, Work
from pytest_perfbudget.plans.relations import Ancestors
from pytest_perfbudget.postgres import catalogue, dsn, embedded, spares, stamp
from pytest_perfbudget.postgres.clones import Clone
from pytest_perfbudget.postgres.dsn import is_dsn
from pytest_perfbudget.postgres.markers import database_name
from pytest_perfbudget.postgres.profiles.readback import differences
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.seeders import BUILTIN
from pytest_perfbudget.postgres.server import Progress, Request, Server
from pytest_perfbudget.postgres.spares import Spares
from pytest_perfbudget.postgres.templates import Template, ensure, forget
from pytest_perfbudget.session.choose import choose
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.parts import Parts
from pytest_perfbudget.session.standby import Standby

if TYPE_CHECKING:
    import psycopg

PATIENCE = "set lock_timeout = '100ms'; set statement_timeout = '60s'"
"""On connections of ours: what the application left locked stays locked while we look, so that waiting is in vain."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test."""

    name: str
    dsn: str


@dataclass(frozen=True, slots=True)
class Facts:
    """The stamp of the seeded database, its tables' sizes in 8 kB pages, their names with and without schema, what each
    partition is a part of (``catalogue.ancestors``), and what is otherwise than profile and seed would have it."""

    environment: Environment
    pages: Mapping[str, int]
    tables: frozenset[str]
    ancestors: Ancestors
    notes: tuple[str, ...] = ()


class Place:
    """One per process. Whatever fails once fails again in the same words, without being tried again."""

    def __init__(self, options: Options, parts: Parts, progress: Progress) -> None:
        self._options, self._parts, self._progress = options, parts, progress
        self.hub = Hub(str(options.root))
        self.database = database_name(options.run_id, options.worker)
        self._server: Server | None = None
        self._failed: PerfbudgetError | None = None
        self._owner: str | None = None
        self._clone: Clone | None = None

    @property
    def dsn(self) -> str:
        """The URL of this process's database, known before the server is started."""
        if is_dsn(self._options.server):
            return dsn.planned_dsn(self._options.server, self._options.run_id, self._options.worker)
        return embedded.planned_dsn(self._options.run_id, self._options.worker)

    @property
    def server(self) -> Server:
        """The server of the run.

        Raises:
            ServerError: there is none to be had.
        """
        if self._failed:
            raise self._failed
        if self._server is None:
            try:
                self._server = self._choose()
            except PerfbudgetError as error:
                self._failed = error
                raise
        return self._server

    @cached_property
    def template(self) -> Template:
        """The seeded template; a seed that fails is not tried again.

        Raises:
            SeedError: a step of the seed failed.
        """
        if self._failed:
            raise self._failed
        try:
            if self._options.reseed and self._options.worker in ("main", "gw0"):
                forget(self.server, self.seed)
            return ensure(self.server, self.seed, self._progress)
        except PerfbudgetError as error:
            self._failed = error
            raise

    @cached_property
    def seed(self) -> Seed:
        """The steps that make the database.

        Raises:
            SeedError: no seeder takes a step, or it cannot be used.
        """
        options = self._options
        return Seed.of(options.seed, options.root, self._parts.seeders or BUILTIN, options.env)

    def open(self) -> None:
        """Have the server running and this process's database there."""
        self._renew()

    def fresh(self, owner: str) -> Database:
        """A database in the seed's state for the test ``owner``; asked again by the same test, the same one."""
        if owner != self._owner:
            self._renew()
            self._owner = owner
        return Database(self.database, self.server.dsn(self.database))

    @cached_property
    def standby(self) -> Standby:
        """The standby of the run's server, made when a database of it is asked for."""
        return Standby(self.server, self._request)

    def _renew(self) -> None:
        if self._clone is None:
            self._clone = self._spares.first(self.database)
            self.hub.watch(self.database)
        elif self._owner is not None:
            self._clone = self._spares.renew(self._clone)
            self._owner = None

    @cached_property
    def _spares(self) -> Spares:
        return Spares(self.server, self.template)

    @property
    def _request(self) -> Request:
        options = self._options
        return Request(
            run=options.run_id,
            worker=options.worker,
            server=options.server,
            major=options.postgres,
            profile=options.profile,
            cache=options.cache,
            progress=self._progress,
        )

    def _choose(self) -> Server:
        with self._progress("starting PostgreSQL"):
            return choose(self._parts.servers, self._request)

    @cached_property
    def facts(self) -> Facts:
        """What a clone holds before any test has touched it: to be asked first in that state."""
        with self.quiet() as connection:
            return Facts(
                stamp.environment(connection, self.server, self.seed),
                catalogue.pages(connection),
                catalogue.tables(connection),
                catalogue.ancestors(connection),
                (*differences(connection, self.server.profile, self.server.major), *self.template.notes),
            )

    def completed(self, statements: Sequence[Statement]) -> Sequence[Statement]:
        """The statements, those without a plan explained now."""
        if any(not statement.plans for statement in statements):
            with self.quiet() as connection:
                fill(statements, connection)
        return statements

    def count_again(self, statement: Statement) -> dict[str, Any] | None:
        """The EXPLAIN ANALYZE document of a read executed twice on one connection; None if it fails now."""
        import psycopg

        try:
            with self.quiet() as connection:
                return count_work_again(connection, statement)
        except psycopg.Error:
            return None

    def try_index(self, definition: str, statement: Statement) -> Work | None:
        """The work of a read if the index were there."""
        with self.quiet() as connection:
            return try_index(connection, definition, statement, self.server.major)

    @contextmanager
    def replaying(self, statement: Statement, *, undo: bool = False) -> Iterator[Callable[[], float]]:
        """A new connection without capture that executes ``statement`` at each call and says how long it took, in
        seconds; with ``undo`` each execution is rolled back, outside of that time."""
        with self.quiet() as connection:
            replay = Replay(connection, statement)
            yield (lambda: _undone(connection, replay)) if undo else replay

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """For latencies: no database is cloned in the background meanwhile."""
        with spares.undisturbed(self.server):
            yield

    @contextmanager
    def quiet(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of ours to this process's database, in autocommit, that is not captured."""
        with self.hub.mute(), self.server.connect(self.database) as connection:
            connection.execute(PATIENCE)
            yield connection

    def close(self) -> None:
        """Drop this process's database and leave the server. One that was killed has nothing left to drop."""
        if self._server is None:
            return
        import psycopg

        try:
            if "standby" in vars(self):
                self.standby.close()
            if self._clone:
                with suppress(PerfbudgetError, psycopg.OperationalError):
                    self._spares.close(self._clone)
        finally:
            self._server.close()
            self._server = None


def _undone(connection: psycopg.Connection[Any], replay: Replay) -> float:
    with connection.transaction(force_rollback=True):
        return replay()
