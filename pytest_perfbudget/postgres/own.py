"""A server of our own in use by this process; shared by all processes of the run, whichever kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import conninfo, tls
from pytest_perfbudget.postgres.profile import QUIET, Profile
from pytest_perfbudget.postgres.server import Request
from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.runner import Share

if TYPE_CHECKING:
    import psycopg

MAINTENANCE = "postgres"


@dataclass
class OwnServer:
    """In use until :meth:`close`."""

    kind: str
    run: str
    version: str
    major: int
    locale: str
    profile: Profile = field(repr=False)
    params: Mapping[str, str] = field(repr=False)
    share: Share[psycopg.Connection] = field(repr=False)
    throwaway: bool = True
    notes: tuple[str, ...] = ()
    logs: bool = False

    @property
    def folder(self) -> RunFolder:
        """The run's folder on this machine."""
        return self.share.folder

    @property
    def admin(self) -> psycopg.Connection:
        if conninfo.interrupted(self.share.client) or conninfo.lost(self.share.client):
            self.share.client.close()
            self.share.client = self.connect()
        return self.share.client

    @property
    def tls(self) -> str:
        return tls.used(self.admin)

    def dsn(self, database: str) -> str:
        return conninfo.url(self.params, database)

    def connect(self, database: str | None = None) -> psycopg.Connection:
        if self.share.severed():
            raise ServerError(
                f"the {self.kind} server of this run is gone",
                remedy="it was closed, killed or crashed; the next run starts another one",
            )
        return conninfo.connect(self.dsn(database or MAINTENANCE), options=QUIET)

    def close(self) -> None:
        """Leave; the last to leave waits until the server has stopped and its folder is removed."""
        self.share.client.close()
        self.share.leave()


def own_server(kind: str, request: Request, params: Mapping[str, str], share: Share[psycopg.Connection]) -> OwnServer:
    """The server behind a share, for this request."""
    info = share.client.info
    version = info.parameter_status("server_version") or str(info.server_version)
    return OwnServer(
        kind, request.run, version, info.server_version // 10000, request.locale, request.profile, params, share,
        logs=request.logs,
    )  # fmt: skip
