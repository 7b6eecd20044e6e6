"""The servers of one run, chosen when they are asked for and started when they are needed."""

from __future__ import annotations

from functools import cached_property

from pytest_perfbudget import cache
from pytest_perfbudget.cache.server import RedisDatabase, RedisKind, RedisRequest, RedisServer, is_url
from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.model.unwatched import unwatched
from pytest_perfbudget.postgres import conninfo
from pytest_perfbudget.postgres.dsn import is_dsn
from pytest_perfbudget.postgres.server import Progress, Request, Server, ServerKind
from pytest_perfbudget.session.choose import Choice, Wanted, choose, described, taken
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.parts import Parts


class Postgres:
    """The way from what was asked for to a server."""

    def __init__(self, options: Options, parts: Parts, progress: Progress) -> None:
        self._kinds, self._progress = parts.servers, progress
        self.request = Request(
            run=options.run_id,
            worker=options.worker,
            server=options.server,
            major=options.postgres,
            profile=options.profile,
            cache=options.cache,
            progress=progress,
            local=options.local,
            container=options.container,
            logs=options.server_log,
        )
        named = options.server
        self._wanted = Wanted(f"PostgreSQL {options.postgres}", "--perf-server", named, is_dsn(named))

    def choice(self) -> Choice[ServerKind]:
        """Asks the kinds; nothing is started.

        Raises:
            ServerError: no kind of the name that was given.
        """
        return choose(self._kinds, self._wanted, self.request)

    def described(self) -> str:
        """What was chosen, for the header."""
        choice = self.choice()
        return described(choice, self._wanted) + self._encrypted(choice)

    def _encrypted(self, choice: Choice[ServerKind]) -> str:
        """What was asked for; what a connection to a server of ``sslmode=prefer`` has, it tells when there is one."""
        if is_dsn(self.request.server):
            mode = conninfo.parse(self.request.server).get("sslmode", "")
            return f", sslmode={mode}" if mode else ""
        return ", TLS" if self.request.container.tls and choice.kind and choice.kind.name == "container" else ""

    def start(self) -> Server:
        """Raises ServerError: there is none to be had, or it does not start."""
        kind = taken(self.choice(), self._wanted)
        with self._progress("starting PostgreSQL"):
            return kind.start(self.request)


class Redis:
    """The same for Redis, started when a test first asks for it. What fails once fails again in the same words."""

    def __init__(self, options: Options, progress: Progress) -> None:
        self._progress = progress
        self._request = RedisRequest(options.run_id, options.worker, options.redis, options.redis_image, progress)
        self._wanted = Wanted("Redis", "redis", options.redis, is_url(options.redis))
        self._failed: PerfbudgetError | None = None

    def described(self) -> str:
        """What was chosen, for the header."""
        return described(self._choice(), self._wanted)

    def fresh(self) -> RedisDatabase:
        """This worker's database, emptied.

        Raises:
            ServerError: there is none to be had.
        """
        if self._failed:
            raise self._failed
        try:
            with unwatched():
                return self._server.fresh()
        except PerfbudgetError as error:
            self._failed = error
            raise

    def close(self) -> None:
        """Leave the server, if it was asked for."""
        if server := self.__dict__.pop("_server", None):
            server.close()

    def _choice(self) -> Choice[RedisKind]:
        return choose(cache.BUILTIN, self._wanted, self._request)

    @cached_property
    def _server(self) -> RedisServer:
        kind = taken(self._choice(), self._wanted)
        with self._progress("starting Redis"):
            return kind.start(self._request)
