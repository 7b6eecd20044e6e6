"""The databases of a run on its streaming standby, which is made when one is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres.server import Request, Server

if TYPE_CHECKING:
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
        if self._replica is None:
            from pytest_perfbudget.postgres import replica

            self._replica = replica.start(self._primary, self._request)
        self._replica.lag()
        return ReplicaDatabase(name, self._replica.dsn(name), self._replica)

    def close(self) -> None:
        """Leave the standby, if this process used it."""
        if self._replica:
            self._replica.close()
            self._replica = None
