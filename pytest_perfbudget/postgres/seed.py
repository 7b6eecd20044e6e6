"""What fills the test database: steps in order, each known by its contents, so that a change is noticed."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_perfbudget.errors import At, SeedError
from pytest_perfbudget.postgres.seed_sql import run_file

if TYPE_CHECKING:
    import psycopg

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class Step(Protocol):
    """One thing a seed does. ``contents`` decides whether it must be done again."""

    @property
    def name(self) -> str: ...

    def contents(self) -> bytes: ...

    def run(self, connection: psycopg.Connection, dsn: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of SQL statements, run as one."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def contents(self) -> bytes:
        """Raises SeedError: the file cannot be read."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise SeedError(
                f"the seed {self.path} cannot be read: {error.strerror}",
                remedy="seed in [tool.perfbudget] names files relative to the project's root",
            ) from None

    def run(self, connection: psycopg.Connection, dsn: str) -> None:
        """Raises SeedError with the line of the statement that failed."""
        run_file(connection, self.path, self.contents())


@dataclass(frozen=True, slots=True)
class PythonCallable:
    """``module:function``, called with the DSN of the database. Its contents are its module's source file: what
    that module imports is not looked at."""

    target: str
    root: Path

    @property
    def name(self) -> str:
        return self.target

    def contents(self) -> bytes:
        """Raises SeedError: there is no such module with a source file."""
        module = self.target.partition(":")[0]
        with _importable(self.root):
            try:
                spec = importlib.util.find_spec(module)
            except (ImportError, ValueError):
                spec = None
        if spec is None or not spec.origin or not Path(spec.origin).is_file():
            raise self._error(f"the module {module} is not found")
        return self.target.encode() + b"\0" + Path(spec.origin).read_bytes()

    def run(self, connection: psycopg.Connection, dsn: str) -> None:
        """Raises SeedError with the line of the user's code that failed."""
        try:
            with _importable(self.root):
                self._function()(dsn)
        except SeedError:
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[1:]
            inside = [f for f in frames if "site-packages" not in f.filename and "importlib" not in f.filename]
            at = At(inside[-1].filename, inside[-1].lineno or 0) if inside else None
            raise SeedError(f"the seed {self.target} failed: {type(error).__name__}: {error}", at=at) from error

    def _function(self) -> Callable[[str], object]:
        module, _, attribute = self.target.partition(":")
        found: object = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part, None)
        if not callable(found):
            raise self._error(f"{module} has no function {attribute}")
        return found

    def _error(self, why: str) -> SeedError:
        return SeedError(
            f"the seed {self.target} cannot be used: {why}",
            remedy="write module:function, importable from the project's root",
        )


@dataclass(frozen=True, slots=True)
class Seed:
    """Steps in order; no step at all is an empty database."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def of(cls, steps: Sequence[str], root: Path) -> Seed:
        """From settings: paths of SQL files relative to ``root``, and ``module:callable``."""
        return cls(tuple(PythonCallable(s, root) if _CALLABLE.fullmatch(s) else SqlFile(root / s) for s in steps))

    def hashes(self, base: str) -> tuple[str, ...]:
        """One hash for the empty database and one after each step; each depends on all that came before.

        ``base`` stands for everything else that makes the database: major, profile, locale, format.
        """
        chain = [hashlib.sha256(base.encode()).hexdigest()]
        for step in self.steps:
            link = hashlib.sha256(chain[-1].encode() + b"\0" + step.contents())
            chain.append(link.hexdigest())
        return tuple(chain)

    def hash(self, base: str) -> str:
        """The last of :meth:`hashes`."""
        return self.hashes(base)[-1]


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(root))
