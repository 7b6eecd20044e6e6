"""The machine a server is tuned for: what PGTune's rules are computed from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pytest_perfbudget.errors import SettingsError

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
_UNITS = {"kb": KB, "mb": MB, "gb": GB, "tb": 1 << 40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]b)\s*", re.IGNORECASE)
_KEYS = ("memory", "cores", "disk", "connections", "database")


class Disk(StrEnum):
    """What the data are on."""

    HDD = "hdd"
    SSD = "ssd"
    SAN = "san"
    NVME = "nvme"


@dataclass(frozen=True, slots=True)
class Machine:
    """``memory`` and ``database`` (its size, where known) in bytes; ``connections`` None is what the use asks for."""

    memory: int
    cores: int
    disk: Disk = Disk.SSD
    connections: int | None = None
    database: int | None = None


def size(text: str) -> int:
    """``"32 GB"`` → bytes, by 1024s as PostgreSQL counts.

    Raises:
        ValueError: the text is not a number with one of the units kB, MB, GB, TB.
    """
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a size")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def read(table: Mapping[str, Any], where: str) -> Machine:
    """From ``machine = { memory = "32 GB", cores = 8 }``.

    Raises:
        SettingsError: a key is unknown, missing or cannot be used; ``where`` is what the text calls the table.
    """
    for key in table:
        if key not in _KEYS:
            raise SettingsError(f"{where}: {key} is not a key of machine", remedy=f"keys: {', '.join(_KEYS)}")
    for key in ("memory", "cores"):
        if key not in table:
            raise SettingsError(f"{where} names no {key}", remedy='write machine = { memory = "32 GB", cores = 8 }')
    return Machine(
        memory=_size(table, "memory", where),
        cores=_count(table, "cores", where),
        disk=_disk(table, where),
        connections=_count(table, "connections", where) if "connections" in table else None,
        database=_size(table, "database", where) if "database" in table else None,
    )


def _size(table: Mapping[str, Any], key: str, where: str) -> int:
    try:
        found = size(str(table[key]))
    except ValueError as error:
        raise SettingsError(f"{where}: {key}: {error}", remedy='write "512 MB", "32 GB"') from None
    if key == "memory" and found < 256 * MB:
        raise SettingsError(f"{where}: memory: PGTune's rules begin at 256 MB")
    return found


def _count(table: Mapping[str, Any], key: str, where: str) -> int:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(f"{where}: {key} is {value!r}, not a number of 1 or more")
    return value


def _disk(table: Mapping[str, Any], where: str) -> Disk:
    value = table.get("disk", Disk.SSD)
    if value not in list(Disk):
        raise SettingsError(f"{where}: disk is {value!r}", remedy=f"give {', '.join(Disk)}")
    return Disk(value)


def detect() -> Machine:
    """This machine: memory and cores, those of the control group where it allows less. The disk is taken to be an SSD.

    Raises:
        SettingsError: the operating system does not say how much memory there is.
    """
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        raise SettingsError("the memory of this machine is not known", remedy="say it: --memory '16 GB'") from None
    limit = _group("memory.max")
    quota = _group("cpu.max")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return Machine(min(memory, int(limit[0])) if limit and limit[0].isdigit() else memory, cores)


def _group(file: str) -> list[str]:
    """The words of a file of the control group (version 2), none where there is no limit to be read."""
    try:
        return (Path("/sys/fs/cgroup") / file).read_text().split()
    except OSError:
        return []
