"""The servers of one run, chosen when they are asked for and started when they are needed."""

from __future__ import annotations

from pytest_perfbudget.postgres.dsn import is_dsn
from pytest_perfbudget.postgres.server import Progress, Request, Server, ServerKind
from pytest_perfbudget.session.choose import Choice, Wanted, choose, described, taken
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.parts import Parts


class Postgres:
    """The way from what was asked for to a server."""

    def __init__(self, options: Options, parts: Parts, progress: Progress) -> None:
        self._kinds, self._progress = parts.servers, progress
        self._request = Request(
            run=options.run_id,
            worker=options.worker,
            server=options.server,
            major=options.postgres,
            cache=options.cache,
            progress=progress,
            local=options.local,
            container=options.container,
        )
        named = options.server
        self._wanted = Wanted(f"PostgreSQL {options.postgres}", "--perf-server", named, is_dsn(named))

    def choice(self) -> Choice[ServerKind]:
        """Asks the kinds; nothing is started.

        Raises:
            ServerError: no kind of the name that was given.
        """
        return choose(self._kinds, self._wanted, self._request)

    def described(self) -> str:
        """What was chosen, for the header."""
        return described(self.choice(), self._wanted)

    def start(self) -> Server:
        """Raises ServerError: there is none to be had, or it does not start."""
        kind = taken(self.choice(), self._wanted)
        with self._progress("starting PostgreSQL"):
            return kind.start(self._request)
