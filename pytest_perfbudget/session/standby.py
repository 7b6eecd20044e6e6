"""The databases of a run on its streaming standby, which is made when one is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres import background
from pytest_perfbudget.postgres.server import Request, Server

if TYPE_CHECKING:
    from pytest_perfbudget.postgres.lag import Lag
    from pytest_perfbudget.postgres.replica import Replica


@dataclass(frozen=True, slots=True)
class ReplicaDatabase:
    """A test's database on the standby."""

    name: str
    dsn: str
    replica: Replica

    def lag(self) -> float:
        """Wait until the standby has replayed all that the primary has written by now; how many seconds that took.

        Raises:
            ServerError: it has not after 30 s.
        """
        return self.replica.lag()


class Standby:
    """One per process; the processes of a run share the server behind it."""

    def __init__(self, primary: Server, request: Request) -> None:
        self._primary, self._request = primary, request
        self._replica: Replica | None = None

    def database(self, name: str) -> ReplicaDatabase:
        """The database of that name, as it is on the primary now.

        Raises:
            ServerError: the standby cannot be made, or does not follow.
        """
        self._followed.lag()
        return ReplicaDatabase(name, self._followed.dsn(name), self._followed)

    def start(self) -> None:
        """Have it running, and following.

        Raises:
            ServerError: the standby cannot be made, or does not follow.
        """
        self._followed.lag()

    @contextmanager
    def measuring(self) -> Iterator[Lag]:
        """The lags of what is written meanwhile, by whoever uses the primary. No database is cloned in the background:
        the standby would have to copy it too.

        Raises:
            ServerError: the standby cannot be made.
        """
        from pytest_perfbudget.postgres import lag

        followed = self._followed
        with (
            background.undisturbed(self._primary),
            self._primary.connect() as writer,
            followed.server.connect() as reader,
        ):
            followed.lag()
            lags = lag.Lag(lag.position(writer, lag.WRITTEN), lag.position(reader, lag.REPLAYED))
            with lag.measuring(lags):
                yield lags

    @property
    def _followed(self) -> Replica:
        if self._replica is None:
            from pytest_perfbudget.postgres import replica

            self._replica = replica.start(self._primary, self._request)
        return self._replica

    def close(self) -> None:
        """Leave the standby, if this process used it."""
        if self._replica:
            self._replica.close()
            self._replica = None
