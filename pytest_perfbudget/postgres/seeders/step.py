"""What a seed is made of: steps, and the seeders that read them from ``seed`` of ``[tool.perfbudget]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres.server import Advance

if TYPE_CHECKING:
    import psycopg

SCALE = "perfbudget.scale"
"""The setting of PostgreSQL by which a step in SQL is told the scale."""
SCALE_VARIABLE = "PERFBUDGET_SCALE"
"""The environment variable by which a command is told."""

_WORDS = {str: "a text", bool: "true or false", list: "a list of texts"}

Entry = str | Mapping[str, Any]
"""One element of ``seed``: a text, or a table such as ``{ run = "alembic upgrade head" }``."""


@dataclass(frozen=True, slots=True)
class Target:
    """The database being built. ``connection`` is an autocommit connection to it, ``dsn`` its URL, which may carry a
    password; ``advance`` is called with the share that is done, 0 to 1, where that is known. ``scale`` is about how
    many rows the largest table shall have, None where the step decides."""

    connection: psycopg.Connection
    dsn: str
    advance: Advance
    scale: int | None = None


class Step(Protocol):
    """One thing a seed does. ``contents`` decides whether it must be done again; ``note`` says what it leaves out."""

    @property
    def name(self) -> str: ...

    @property
    def note(self) -> str: ...

    def contents(self) -> bytes: ...

    def run(self, target: Target) -> None:
        """Raises SeedError; the database is thrown away then."""


@runtime_checkable
class Scalable(Protocol):
    """A step that may know how to make its tables larger."""

    @property
    def takes_scale(self) -> bool:
        """Whether it heeds ``Target.scale``. Raises SeedError: it cannot be read."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a seeder may know: the project's root, and the variables that give the application its database."""

    root: Path
    variables: Sequence[str] = ()


class Seeder(Protocol):
    """One way to write a step; registered through ``pytest_perfbudget_seeders``."""

    name: str

    def step(self, entry: Entry, project: Project) -> Step | None:
        """The step, or None where the entry is none of this kind. Raises SeedError: it is, and cannot be used."""


def fields(entry: Entry, kind: str, known: Mapping[str, type]) -> dict[str, Any] | None:
    """The table of a seeder whose first key is ``kind``, its keys and their types checked; None for anything else.

    Raises:
        SeedError: a key is unknown or of another type.
    """
    if isinstance(entry, str) or kind not in entry:
        return None
    for key, value in entry.items():
        if key not in known:
            raise SeedError(f"{key} is not a key of a {kind} step of the seed", remedy=f"keys: {', '.join(known)}")
        if not _is(value, known[key]):
            raise SeedError(f"{key} of the {kind} step {entry[kind]!r} of the seed is not {_WORDS[known[key]]}")
    return dict(entry)


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (not isinstance(value, list) or all(isinstance(part, str) for part in value))


def read_file(path: Path) -> bytes:
    """The bytes of a file the seed names.

    Raises:
        SeedError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SeedError(
            f"the seed {path} cannot be read: {error.strerror}",
            remedy="seed in [tool.perfbudget] names files relative to the project's root",
        ) from None


def unpacked(path: Path, contents: bytes) -> bytes:
    """The contents of a file, unpacked where its name ends in ``.gz``.

    Raises:
        SeedError: it is not a gzip file, or a part of one.
    """
    if path.suffix != ".gz":
        return contents
    import gzip
    import zlib

    try:
        return gzip.decompress(contents)
    except (OSError, EOFError, zlib.error) as error:
        raise SeedError(f"the seed {path} cannot be unpacked: {error}", remedy="pack it with gzip") from None
