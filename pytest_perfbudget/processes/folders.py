"""Folders outside the user's project: the cache that stays, and where the temporary ones go."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes.unprivileged import ServerUser

_NAME = "pytest-perfbudget"


def cache_folder(setting: str | None, user: ServerUser) -> Path:
    """The folder whose contents later runs reuse: binaries, clusters with their templates.

    The setting, else ``PERFBUDGET_CACHE``, else a folder of the user's, else one in the temporary folder.

    Raises:
        ServerError: none of them can be written by us and read by the server's user.
    """
    chosen = setting or os.environ.get("PERFBUDGET_CACHE")
    for folder in [Path(chosen).absolute()] if chosen else [_default(user), _temporary()]:
        with contextlib.suppress(OSError):
            _make(folder)
            if os.access(folder, os.W_OK | os.X_OK) and user.reaches(folder):
                return folder
    tried = chosen or f"{_default(user)} and {_temporary()}"
    raise ServerError(
        f"the cache folder {tried} cannot be used by {user.name}",
        remedy="name a folder that can be written here and read by that user: PERFBUDGET_CACHE=/path",
    )


def _default(user: ServerUser) -> Path:
    if user.switches:
        return Path("/var/cache") / _NAME
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / _NAME


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid()}"


def _make(folder: Path) -> None:
    """The last folder is ours alone; root lets others pass through, as the server runs as one of them."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711 if os.getuid() == 0 else 0o700)
    found = folder.lstat() if folder == _temporary() else folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(folder)
    if folder == _temporary() and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        raise PermissionError(f"{folder} belongs to somebody else")
