"""What the protocols of the query cache ask of the outside, one step at a time.

A protocol is a generator: it yields a step, is sent the answer, and returns its result. So it is written once for sync
and async, and a test can stop it between any two steps.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar


class Unreachable(Exception):  # noqa: N818 - thrown into a protocol, never out of it
    """Redis did not answer, not in time, with an error, or is another server than before."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A command of Redis, or the script of that name; ``keys`` are within the prefix of ``server``, which is
    PostgreSQL's."""

    server: str
    command: str
    keys: tuple[str, ...]
    arguments: tuple[str | bytes | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement on the protocol's connection; the answer is its ``PGresult``."""

    text: str
    parameters: Any = None
    own: bool = field(default=True)
    """Of the cache itself: not prepared, its result is text."""
    often: bool = False
    """Of the cache itself, and prepared as psycopg prepares what is executed often."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Statements of one command each, in one turn on the network where libpq has pipelines; the answers are
    their results. Nothing after one that fails is executed, and its error is the turn's."""

    statements: tuple[Sql, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Until so many seconds have passed."""

    seconds: float


Step: TypeAlias = Ask | Sql | Turn | Wait
_T = TypeVar("_T")
Steps: TypeAlias = Generator[Step, Any, _T]
