"""What this process and one that runs tests for it (the reference's, or at another scale) tell each other.

They do so over a socket that both inherit. Parameters of statements are in it: it is kept in memory, and written
nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.model import Environment, Statement
from pytest_perfbudget.postgres.profile import Profile
from pytest_perfbudget.postgres.server import Container
from pytest_perfbudget.session.options import Options

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Order:
    """To the reference: which server to use, in whose run, and which tests to hand over.

    ``tests`` are node ids with what is captured of each (``call`` or ``test``), None asks for all that have a budget.
    ``top`` is the checkout whose files must not be used, empty where they are the ones that are wanted; ``scale`` is
    what the seed is told, 0 where nothing.
    """

    run_id: str
    worker: str
    server: str
    postgres: int
    local: tuple[str, ...]
    container: Container
    profile: Profile
    cache: str | None
    server_log: bool
    tests: dict[str, str] | None
    top: str
    scale: int = 0

    @classmethod
    def of(cls, options: Options, tests: Mapping[str, str] | None, top: str = "", scale: int = 0) -> Order:
        return cls(
            run_id=options.run_id,
            worker=f"{options.worker}_{scale or 'ref'}",
            server=options.server,
            postgres=options.postgres,
            local=options.local,
            container=options.container,
            profile=options.profile,
            cache=options.cache,
            server_log=options.server_log,
            tests=None if tests is None else dict(tests),
            top=top,
            scale=scale,
        )

    def applied(self, options: Options) -> Options:
        """The reference's own settings, on the server of this run; it judges, records and reports nothing."""
        return replace(
            options,
            run_id=self.run_id,
            worker=self.worker,
            server=self.server,
            postgres=self.postgres,
            local=self.local,
            container=self.container,
            profile=self.profile,
            cache=self.cache,
            server_log=self.server_log,
            update=False,
            explain=False,
            reseed=False,
            baseline_ref="",
            against="",
            reports=(),
            scale=self.scale,
        )


@dataclass(frozen=True, slots=True)
class GivenQuery:
    """A statement of the reference as a baseline would keep it, and its last execution, to be repeated. ``calls`` are
    its executions, ``rows`` what passed through all nodes of their plans, ``reads`` the tables in them, ``seconds``
    what the last one took again and again, where the run was at a scale of its own."""

    record: QueryRecord
    last: Statement
    writes: bool
    calls: int = 1
    rows: int = 0
    reads: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenTest:
    """A marked test of the reference; ``failed`` is why it has no statements (``fails: …``), with the
    last lines of its report."""

    budget: str
    queries: tuple[GivenQuery, ...] = ()
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """From the reference: its tests by node id, the hash of its template, the stamp of its database (both empty where
    no test ran). ``strayed`` are files of the working tree that it imported all the same; ``rows`` those of its tables
    (``Facts.rows``)."""

    tests: dict[str, GivenTest] = field(default_factory=dict)
    template: str = ""
    environment: Environment | None = None
    strayed: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)


def packed(parcel: Order | Given) -> bytes:
    return msgspec.msgpack.encode(parcel)


def unpacked(kind: type[T], contents: bytes) -> T:
    """
    Raises:
        msgspec.DecodeError: the contents are cut short.
    """
    return msgspec.msgpack.decode(contents, type=kind)
