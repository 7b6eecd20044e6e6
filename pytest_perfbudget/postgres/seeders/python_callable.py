"""``module:function`` of the project."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.errors import At, SeedError
from pytest_perfbudget.postgres.seeders.step import Entry, Project, Target

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class PythonCallable:
    """``module:function``, called with the DSN of the database, and with ``scale`` if it has a parameter of that name
    and there is one. Its contents are its module's source file: what that module imports is not looked at."""

    target: str
    root: Path
    note: str = ""

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

    @property
    def takes_scale(self) -> bool:
        """Whether it has the parameter."""
        with _importable(self.root):
            return _takes_scale(self._function())

    def run(self, target: Target) -> None:
        """Raises SeedError with the line of the user's code that failed."""
        try:
            with _importable(self.root):
                function = self._function()
                told = {"scale": target.scale} if target.scale and _takes_scale(function) else {}
                function(target.dsn, **told)
        except SeedError:
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[1:]
            inside = [f for f in frames if "site-packages" not in f.filename and "importlib" not in f.filename]
            at = At(inside[-1].filename, inside[-1].lineno or 0) if inside else None
            raise SeedError(f"the seed {self.target} failed: {type(error).__name__}: {error}", at=at) from error

    def _function(self) -> Callable[..., object]:
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


def _takes_scale(function: Callable[..., object]) -> bool:
    parameter = inspect.signature(function).parameters.get("scale")
    return parameter is not None and parameter.kind is not parameter.POSITIONAL_ONLY


class Callables:
    """Texts of the form ``module:function``."""

    name = "callable"

    def step(self, entry: Entry, project: Project) -> PythonCallable | None:
        taken = isinstance(entry, str) and _CALLABLE.fullmatch(entry)
        return PythonCallable(str(entry), project.root) if taken else None


@contextlib.contextmanager
def _importable(root: Path) -> Iterator[None]:
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(root))
