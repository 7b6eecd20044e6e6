"""Servers of our own for a command: one for each major, seeded alike, gone when the command ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.errors import PerfbudgetError, SettingsError
from pytest_perfbudget.postgres import BUILTIN
from pytest_perfbudget.postgres.server import Advance
from pytest_perfbudget.session import settings
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.parts import Parts
from pytest_perfbudget.session.place import Place

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Seeded:
    """A connection, read-only, to the seeded database of a server of ours; ``source`` is where it comes from:
    ``PostgreSQL 15.17 from local``."""

    connection: psycopg.Connection[Any]
    source: str


def project(seed: Sequence[str]) -> Options:
    """What ``[tool.perfbudget]`` and ``PERFBUDGET_*`` of this folder say; ``seed``, if given, in place of theirs.
    The kind of server is what ``auto`` finds for each major: few kinds have two.

    Raises:
        SettingsError: a value cannot be used, or nothing says how the database is made.
    """
    root = Path.cwd()
    options = settings.read({}, os.environ, root / "pyproject.toml", root)
    options = replace(options, seed=tuple(seed) or options.seed, server="auto")
    if not options.seed:
        raise SettingsError("there is no seed to make the database of: give --seed, or seed in [tool.perfbudget]")
    return options


@contextmanager
def seeded(options: Options, major: int) -> Iterator[Seeded]:
    """The project's database on a server of ``major``, which runs as long as the context.

    Raises:
        ServerError, SeedError: there is none to be had, or the seed fails on it.
    """
    place = Place(
        replace(options, postgres=major, run_id=f"{major}{options.run_id}"), Parts(servers=BUILTIN), Told(major)
    )
    try:
        place.open()
        with place.quiet() as connection:
            connection.execute("set default_transaction_read_only = on")
            yield Seeded(connection, f"PostgreSQL {place.server.version.split()[0]} from {place.server.kind}")
    except PerfbudgetError as error:
        words = f"{error.what} (PostgreSQL {major})"
        raise SettingsError(f"{words}: {error.remedy}" if error.remedy else words, at=error.at) from None
    finally:
        place.close()


class Told:
    """Says on standard error, where that is a terminal, what takes its time."""

    def __init__(self, major: int) -> None:
        self._major = major

    @contextmanager
    def _plain(self, what: str) -> Iterator[Advance]:
        if sys.stderr.isatty():
            print(f"{what} (PostgreSQL {self._major}) …", file=sys.stderr)
        yield lambda share: None

    def __call__(self, what: str) -> AbstractContextManager[Advance]:
        return self._plain(what)
