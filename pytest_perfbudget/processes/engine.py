"""The container engine, asked over its socket in milliseconds, before anything of it is imported."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

from pytest_perfbudget.processes.offer import Refusal

_PATIENCE = 2.0  # seconds an engine that is there may take to answer, on a machine that is busy
_INSTALL = "pip install 'pytest-perfbudget[containers]'"


def host() -> str:
    """The engine's URL: of ``DOCKER_HOST``, of docker's current context, or of the first socket that is there."""
    if named := os.environ.get("DOCKER_HOST"):
        return named
    home = Path("~/.docker").expanduser()
    if named := _context(home):
        return named
    usual = [Path("/var/run/docker.sock"), home / "run" / "docker.sock"]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        usual.append(Path(runtime, "docker.sock"))
    return f"unix://{next((path for path in usual if path.exists()), usual[0])}"


def refusal(image: str, *, pull: bool) -> Refusal | None:
    """Why no container of ``image`` can be had; with ``pull`` a missing image is no reason. An engine that is reached
    by ssh or TLS is not asked."""
    if sys.platform == "win32":
        return Refusal("containers are started on Linux and macOS, not on Windows")
    if find_spec("testcontainers") is None:
        return Refusal("testcontainers is not installed", _INSTALL)
    url = host()
    try:
        status = _ask(url, f"/images/{quote(image, safe=':/@')}/json")
    except PermissionError:
        return Refusal(f"the container engine at {url} may not be used by this user", "join the group docker")
    except OSError as error:
        why = error.strerror or str(error)
        return Refusal(f"no container engine at {url} ({why})", "start it, or name another one: DOCKER_HOST")
    if status == 404 and not pull:
        return Refusal(f"the image {image} is not here", f"docker pull {image}")
    if status not in (None, 200, 404):
        return Refusal(f"the container engine at {url} answers with status {status}", "see its log")
    return None


def has(image: str) -> bool:
    """Whether the engine has the image, as far as it can be asked."""
    try:
        return _ask(host(), f"/images/{quote(image, safe=':/@')}/json") in (None, 200)
    except OSError:
        return False


def _context(home: Path) -> str | None:
    """The engine of docker's context, where one is in use."""
    try:
        name = os.environ.get("DOCKER_CONTEXT") or json.loads((home / "config.json").read_bytes()).get("currentContext")
        if name in (None, "", "default"):
            return None
        folder = hashlib.sha256(name.encode()).hexdigest()
        meta = json.loads((home / "contexts" / "meta" / folder / "meta.json").read_bytes())
        return str(meta["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None


def _ask(url: str, path: str) -> int | None:
    """The status of a GET; None where only a library can ask. Raises OSError."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        family, address = socket.AF_UNIX, parts.path
    elif parts.scheme in ("tcp", "http") and not os.environ.get("DOCKER_TLS_VERIFY"):
        family, address = socket.AF_INET, (parts.hostname or "", parts.port or 2375)  # type: ignore[assignment]
    else:
        return None
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(address)
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        words = connection.recv(64).split()
    if len(words) < 2 or not words[1].isdigit():
        raise OSError("it does not speak HTTP")
    return int(words[1])
