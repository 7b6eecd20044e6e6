"""Slots: clusters kept in the cache, each used by one run at a time, rebuilt when in doubt and never repaired."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.locales import initdb_locale
from pytest_perfbudget.postgres.server import Progress
from pytest_perfbudget.processes import locks
from pytest_perfbudget.processes.supervisor import ENVIRONMENT
from pytest_perfbudget.processes.unprivileged import ServerUser

SUPERUSER = "postgres"
_SHUT_DOWN = 1  # DB_SHUTDOWNED of catalog/pg_control.h
_STATE = struct.Struct("=16xi")  # after system_identifier, pg_control_version and catalog_version_no
_SLOTS = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that is ours; ``held`` is the descriptor of its lock, to be inherited by the server."""

    folder: Path
    held: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def release(self) -> None:
        """Close our descriptor; the server's own keeps the slot taken."""
        os.close(self.held)


@contextlib.contextmanager
def take_slot(home: Path, user: ServerUser, number: int | None = None) -> Iterator[Slot]:
    """The first slot nobody uses, or the one of that number, for the time of starting its server.

    Raises:
        ServerError: no slot can be made; the one of that number is in use.
    """
    slot = _first_free(home, user, range(_SLOTS) if number is None else [number])
    try:
        yield slot
    finally:
        slot.release()


def _first_free(home: Path, user: ServerUser, numbers: Sequence[int]) -> Slot:
    for number in numbers:
        folder = home / f"slot-{number}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            user.own(folder)
        if folder.stat().st_uid == user.uid and (held := locks.try_lock(folder / "lock")) is not None:
            return Slot(folder, held)
    which = f"slot {numbers[0]}" if len(numbers) == 1 else f"all {_SLOTS} slots"
    raise ServerError(f"{which} of {home} in use", remedy="end the runs that use them")


def is_clean(data: Path, major: int) -> bool:
    """Whether the cluster is of this major, was shut down in order, and has no replication slot: one of logical
    decoding keeps a server from starting with another ``wal_level``."""
    try:
        version = (data / "PG_VERSION").read_text().strip()
        (state,) = _STATE.unpack_from((data / "global" / "pg_control").read_bytes())
        replicated = any((data / "pg_replslot").iterdir())
    except (OSError, ValueError, struct.error):
        return False
    return version == str(major) and state == _SHUT_DOWN and not replicated


def rebuild(slot: Slot, bin_folder: Path, major: int, user: ServerUser, progress: Progress) -> None:
    """Throw the slot's cluster away, with all its templates, and make a new one.

    Raises:
        ServerError: initdb fails.
    """
    partial = slot.folder / "partial"
    for leftover in (slot.data, partial):
        shutil.rmtree(leftover, ignore_errors=True)
    command = [str(bin_folder / "initdb"), "-D", str(partial), "-U", SUPERUSER, "--auth=trust", "--no-sync"]
    command += ["--no-instructions", *initdb_locale(major)]
    with progress("making a PostgreSQL cluster"):
        done = subprocess.run(
            command, cwd="/", env=ENVIRONMENT, check=False, capture_output=True, text=True, errors="replace",
            **user.popen(),
        )  # fmt: skip
    if done.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        ended = f"was ended by signal {-done.returncode}" if done.returncode < 0 else "failed"
        raise ServerError(f"initdb {ended} in {slot.folder}", remedy=remedy(done.stderr or done.stdout))
    partial.rename(slot.data)


def remedy(output: str) -> str:
    """The last lines of a program's output, and what to do about them where that is known."""
    lines = output.strip().splitlines()[-12:] or [f"it printed nothing; is {ENVIRONMENT['PATH']} complete?"]
    if "No space left on device" in output:
        lines.append("free some space, or name a folder on another disk: PERFBUDGET_CACHE=/path")
    if "redirecting log output" in output:
        lines.append("it went on in its log as data, which is gone: PERFBUDGET_SERVER_LOG=0 shows the rest here")
    if "Address already in use" in output:
        lines.append("set TMPDIR to a folder with a shorter path: on a socket in it the server needs no port")
    return "\n".join(lines)
