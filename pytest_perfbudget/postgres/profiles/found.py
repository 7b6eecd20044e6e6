"""The machine a server runs on, as far as the server and this machine can say."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.postgres.profiles.machine import Disk, Machine, detect

if TYPE_CHECKING:
    import psycopg

_LOCAL = "select inet_server_addr() is null or inet_server_addr() << '127.0.0.0/8' or inet_server_addr() = '::1'"
_SIZE = "select sum(pg_database_size(oid))::bigint from pg_database where has_database_privilege(oid, 'connect')"
_FOLDER = "select current_setting('data_directory', true)"


@dataclass(frozen=True, slots=True)
class Said:
    """What the user says of the machine; None is to be found out."""

    memory: int | None = None
    cores: int | None = None
    disk: Disk | None = None
    connections: int | None = None
    database: int | None = None


def machine_of(connection: psycopg.Connection, said: Said) -> Machine:
    """What was said, else what is found: memory, cores and disk of this machine for a server that runs on it; the size
    of its databases.

    Raises:
        SettingsError: the server is elsewhere, and memory or cores were not said.
    """
    if said.memory and said.cores:
        found = Machine(said.memory, said.cores)
    elif here(connection):
        found = detect()
    else:
        raise SettingsError(
            "the server is not on this machine, so its memory and cores are not known",
            remedy="say them: --memory '32 GB' --cores 8",
        )
    (size,) = connection.execute(_SIZE).fetchone() or (None,)
    return replace(
        found,
        memory=said.memory or found.memory,
        cores=said.cores or found.cores,
        disk=said.disk or _disk(connection) or found.disk,
        connections=said.connections,
        database=said.database or size,
    )


def here(connection: psycopg.Connection) -> bool:
    """Whether the server runs on this machine, by the address it was reached at."""
    return connection.execute(_LOCAL).fetchone() == (True,)


def _disk(connection: psycopg.Connection) -> Disk | None:
    """By what Linux says of the device the data folder is on; None where it cannot be asked."""
    import psycopg

    with contextlib.suppress(psycopg.errors.InsufficientPrivilege, OSError, TypeError):
        (folder,) = connection.execute(_FOLDER).fetchone() or (None,)
        device = Path(folder).stat().st_dev
        block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve(strict=True)
        if "nvme" in str(block):
            return Disk.NVME
        queue = block / "queue" if (block / "queue").is_dir() else block.parent / "queue"
        return Disk.HDD if (queue / "rotational").read_text().strip() == "1" else Disk.SSD
    return None
