"""Where the tests of one process run: the server, the template, this worker's database. Made on first use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.advice.trial import try_index
from pytest_perfbudget.capture.borrowed import borrowed
from pytest_perfbudget.capture.explain import fill
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.replay import Calls, count_work_again
from pytest_perfbudget.capture.server_log import LoggedStatements
from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.model import Statement, Work
from pytest_perfbudget.postgres import background, dsn, embedded
from pytest_perfbudget.postgres.dsn import is_dsn
from pytest_perfbudget.postgres.horizon import Horizon
from pytest_perfbudget.postgres.log import ServerLog
from pytest_perfbudget.postgres.markers import database_name
from pytest_perfbudget.postgres.scale import at_scale
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.seeders import BUILTIN, Entry
from pytest_perfbudget.postgres.server import Progress, Server
from pytest_perfbudget.postgres.templates import Template, ensure
from pytest_perfbudget.session.alone import Alone
from pytest_perfbudget.session.django import DjangoTenant
from pytest_perfbudget.session.drivers import Drivers
from pytest_perfbudget.session.facts import Facts, facts
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.parts import Parts
from pytest_perfbudget.session.servers import Postgres
from pytest_perfbudget.session.standby import Standby
from pytest_perfbudget.session.succession import Database, Succession

if TYPE_CHECKING:
    import psycopg

PATIENCE = "set lock_timeout = '100ms'; set statement_timeout = '60s'"
"""On connections of ours: what the application left locked stays locked while we look, so that waiting is in vain."""


class Place:
    """One per process. Whatever fails once fails again in the same words, without being tried again."""

    def __init__(self, options: Options, parts: Parts, progress: Progress) -> None:
        self._options, self._parts, self.progress = options, parts, progress
        self.alone = Alone(options)
        self.postgres = Postgres(options, parts, progress)
        self.hub = Hub(str(options.root))
        self.drivers = Drivers(parts.drivers, self.hub)
        self.database = database_name(options.run_id, options.worker)
        self._server: Server | None = None
        self._failed: PerfbudgetError | None = None
        self._django = DjangoTenant(self.database)
        self._beside: dict[object, Succession | PerfbudgetError] = {}

    @property
    def dsn(self) -> str:
        """The URL of this process's database. Starts the server.

        Raises:
            ServerError: there is none to be had.
        """
        return self.server.dsn(self.database)

    @property
    def planned_dsn(self) -> str:
        """Such a URL where no server may be started; the address is right for all but containers."""
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
                self._server = self.postgres.start()
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
            return self._template(self.seed)
        except PerfbudgetError as error:
            self._failed = error
            raise

    def _template(self, seed: Seed) -> Template:
        return ensure(self.server, seed, self.progress, anew=self._options.reseed)

    @cached_property
    def seed(self) -> Seed:
        """The steps that make the database.

        Raises:
            SeedError: no seeder takes a step, or it cannot be used.
        """
        return self._steps(self._options.seed)

    def _steps(self, entries: Sequence[Entry]) -> Seed:
        options = self._options
        seed = Seed.of(entries, options.root, self._parts.seeders or BUILTIN, options.env)
        return at_scale(seed, options.scale) if options.scale else seed

    def open(self) -> None:
        """Have the server running and this process's database there."""
        self._own.open()

    def fresh(self, owner: str) -> Database:
        """A database in the seed's state for the test ``owner``; asked again by the same test, the same one."""
        return self._own.fresh(owner)

    @cached_property
    def standby(self) -> Standby:
        """The standby of the run's server, made when a database of it is asked for."""
        return Standby(self.server, self.postgres.request)

    @cached_property
    def _own(self) -> Succession:
        own = Succession(self.server, self.template, self.database, self._django.leave)
        self._django.move_in()
        self.hub.watch(self.database)
        if self.server.logs:
            self.hub.hear(LoggedStatements(ServerLog(self.server, self.database)))
        return own

    def beside(self, key: object, seed: Sequence[Entry] | None) -> Succession:
        """Databases of another seed (None is the project's), under a name of their own, for whoever has the ``key``.
        What is sent to them is nobody's evidence.

        Raises:
            ServerError, SeedError: there is none; not tried again.
        """
        if key not in self._beside:
            name = f"{self.database}_{len(self._beside) + 1}"
            try:
                template = self.template if seed is None else self._template(self._steps(seed))
                self._beside[key] = Succession(self.server, template, name)
            except PerfbudgetError as error:
                self._beside[key] = error
        found = self._beside[key]
        if isinstance(found, PerfbudgetError):
            raise found
        return found

    @cached_property
    def facts(self) -> Facts:
        """What a clone holds before any test has touched it: to be asked first in that state."""
        with self.quiet() as connection:
            return facts(connection, self.server, self.seed, self.template)

    @cached_property
    def horizon(self) -> Horizon:
        """What keeps the work of statements that write the same in every run."""
        return Horizon(self.server)

    def settle(self) -> None:
        """A test has ended: nothing is held for it any more."""
        if "horizon" in vars(self):
            self.horizon.release()

    def completed(self, statements: Sequence[Statement]) -> Sequence[Statement]:
        """The statements, those without a plan explained now."""
        if any(not statement.planned for statement in statements):
            with self.quiet() as connection:
                fill(statements, connection)
        return statements

    def count_again(self, statement: Statement) -> dict[str, Any] | None:
        """The EXPLAIN ANALYZE document of a read executed twice on one connection, the application's where that has an
        open transaction; None if it fails now."""
        import psycopg

        try:
            with borrowed(self.hub) or self.quiet() as connection:
                return count_work_again(connection, statement)
        except psycopg.Error:
            return None

    def try_index(self, definition: str, statement: Statement) -> Work | None:
        """The work of a read if the index were there."""
        with self.quiet() as connection:
            return try_index(connection, definition, statement, self.server.major)

    @contextmanager
    def calling(self, statements: Sequence[Statement], *, undo: bool = False) -> Iterator[Calls]:
        """A new connection without capture that executes them at each call."""
        with self.quiet() as connection:
            yield Calls(connection, statements, undo=undo)

    @contextmanager
    def undisturbed(self) -> Iterator[float]:
        """For the clock: no test of another worker runs meanwhile, no database is cloned in the background. Gives the
        seconds that the run may measure for.

        Raises:
            DisturbedError: that cannot be had, or none are left.
        """
        with self.alone.measuring() as left, background.undisturbed(self.server):
            yield left

    @contextmanager
    def quiet(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of ours to this process's database, in autocommit, that is not captured."""
        with self.hub.mute(), self.server.connect(self.database) as connection:
            connection.execute(PATIENCE)
            yield connection

    def close(self) -> None:
        """Drop this process's database and leave the server. One that was killed has nothing left to drop."""
        self._django.move_out()
        self.alone.close()
        self.drivers.close()
        if self._server is None:
            return
        try:
            if "horizon" in vars(self):
                self.horizon.close()
            if "standby" in vars(self):
                self.standby.close()
            for beside in self._beside.values():
                if isinstance(beside, Succession):
                    beside.close(keep=False)
            if "_own" in self.__dict__:
                self._own.close()
        finally:
            self._server.close()
            self._server = None
