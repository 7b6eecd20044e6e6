"""The application's own pools on account, while somebody keeps one: patched like the drivers, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol

from pytest_perfbudget.pool.ledger import Ledger

Current = Callable[[], Ledger | None]


class Watch(Protocol):
    """One kind of pool; ``name`` as its users call it, ``module`` what must be installed for it."""

    name: str
    module: str

    def install(self, current: Current, root: str) -> None:
        """Report to the ledger ``current`` gives; ``root`` is the folder lines are shown relative to."""

    def uninstall(self) -> None:
        """Put everything back."""


def builtin() -> tuple[Watch, ...]:
    """The kinds that are installed here."""
    from pytest_perfbudget.pool.watch_psycopg import PsycopgPools
    from pytest_perfbudget.pool.watch_sqlalchemy import SqlalchemyPools

    return tuple(watch for watch in (PsycopgPools(), SqlalchemyPools()) if find_spec(watch.module))


@contextmanager
def watching(ledger: Ledger, root: str = "") -> Iterator[tuple[str, ...]]:
    """Every pool of the process on ``ledger``; gives the names of the kinds that are watched."""
    watches = builtin()
    try:
        for watch in watches:
            watch.install(lambda: ledger, root)
        yield tuple(watch.name for watch in watches)
    finally:
        for watch in watches:
            watch.uninstall()
