"""The process that runs the reference's tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.session.against.parcel import Given, Order, packed, unpacked

HAND_OVER = "--perf-hand-over"
"""Our option that says over which descriptor."""

_LINES = 12  # of output in the error
_LAUNCH = """
import json, os, sys
import pytest_perfbudget
told = json.loads(sys.argv.pop(1))
sys.path[:] = told["first"] + [told["moved"].get(entry, entry) for entry in sys.path]
os.environ["PYTHONPATH"] = told["variable"]
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
"""Our own package is imported before the path changes: the reference may be a commit of ours."""
_RIGHTLY = "ignore:Module already imported so cannot be rewritten; pytest_perfbudget:pytest.PytestAssertRewriteWarning"
"""A suite whose warnings are errors would not begin for it."""


class NoReferenceError(PerfbudgetError):
    """The reference cannot be compared with; ``remedy`` holds the end of its output."""


class OutOfTimeError(NoReferenceError):
    """It did not end, or was not run, in the time there was for it."""


def run(
    command: list[str], told: str, folder: Path, environment: dict[str, str], order: Order, left: float | None = None
) -> Given:
    """Run pytest on ``command`` (its arguments) and take what it hands over. ``told`` is what the launcher reads; after
    ``left`` seconds it is ended.

    Whatever ends us, it and all it started are ended too.

    Raises:
        NoReferenceError: it ended without handing all of it over.
        OutOfTimeError: it did not end.
    """
    ours, its = socket.socketpair()
    with ours, tempfile.TemporaryFile() as output:
        with its:
            given = [*command, "-W", _RIGHTLY, f"{HAND_OVER}={its.fileno()}"]
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _LAUNCH, told, *given], cwd=folder, env=environment, stdout=output,
                stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, pass_fds=[its.fileno()], start_new_session=True,
            )  # fmt: skip
        ours.settimeout(left)
        with _ended(process):
            contents = _exchanged(ours, packed(order))
            code = process.wait()
        with contextlib.suppress(msgspec.DecodeError):  # nothing, or cut short
            return unpacked(Given, contents)
        output.seek(0)
        lines = output.read().decode(errors="replace").rstrip().splitlines()[-_LINES:]
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    raise NoReferenceError(f"its run of pytest {how}", remedy="\n".join(lines) or "it printed nothing")


def _exchanged(ours: socket.socket, order: bytes) -> bytes:
    """The answer, empty if there is none: it comes at the end, once the order was read as a whole."""
    try:
        ours.sendall(order)
        ours.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: ours.recv(1 << 16), b""))
    except TimeoutError:
        raise OutOfTimeError("its run of pytest did not end in time") from None
    except (BrokenPipeError, ConnectionResetError):
        return b""


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """pytest is given the time to leave the server and to drop its database; its group is then killed."""
    try:
        yield
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                process.terminate()
                process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
