"""What a watched driver is, and the drivers that come with the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_perfbudget.capture.asyncpg import Asyncpg
from pytest_perfbudget.capture.django import Django
from pytest_perfbudget.capture.psycopg2 import Psycopg2
from pytest_perfbudget.capture.psycopg3 import Psycopg3
from pytest_perfbudget.capture.sqlalchemy import Sqlalchemy

if TYPE_CHECKING:
    from pytest_perfbudget.capture.hub import Hub


class Driver(Protocol):
    """A database driver whose statements reach the hub, or a mapper that knows what they are for. One instance serves a
    process."""

    @property
    def name(self) -> str:
        """As its users call it: ``psycopg``."""

    def available(self) -> bool:
        """Whether it is installed. Does not import it."""

    def install(self, hub: Hub) -> None:
        """Report to ``hub`` from now on, connections made before included. A second call only changes the hub."""

    def uninstall(self) -> None:
        """Put the driver back as it was. Harmless where it is not installed."""


BUILTIN: tuple[Driver, ...] = (Psycopg3(), Asyncpg(), Psycopg2(), Sqlalchemy(), Django())
