"""PGTune's published rules: memory, cores, disk and connections of a machine → settings.

Source: https://github.com/le0pard/pgtune (MIT), as of July 2026, for Linux. Each function is one rule; sizes are in kB,
as PGTune computes them, and whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum

from pytest_perfbudget.postgres.profile import Level, Setting
from pytest_perfbudget.postgres.profiles.machine import Disk, Machine

_MB, _GB = 1 << 10, 1 << 20  # in kB
_WORKERS = 8  # max_worker_processes of a server nobody tuned


class Use(StrEnum):
    """What the server is for, in PGTune's words."""

    OLTP = "oltp"
    WEB = "web"
    DW = "dw"
    MIXED = "mixed"
    DESKTOP = "desktop"


_CONNECTIONS = {Use.WEB: 200, Use.OLTP: 300, Use.DW: 40, Use.DESKTOP: 20, Use.MIXED: 100}
_WAL = {
    Use.WEB: (1 * _GB, 4 * _GB),
    Use.OLTP: (2 * _GB, 8 * _GB),
    Use.DW: (4 * _GB, 16 * _GB),
    Use.DESKTOP: (100 * _MB, 2 * _GB),
    Use.MIXED: (1 * _GB, 4 * _GB),
}
_CONCURRENCY = {Disk.HDD: 2, Disk.SSD: 200, Disk.SAN: 300, Disk.NVME: 1000}


def connections(use: Use, machine: Machine) -> int:
    """Those asked for, else 200 (web), 300 (oltp), 40 (dw), 20 (desktop), 100 (mixed)."""
    return machine.connections or _CONNECTIONS[use]


def shared_buffers(use: Use, machine: Machine) -> int:
    """A quarter of memory; a sixteenth on a desktop."""
    return _memory(machine) // (16 if use is Use.DESKTOP else 4)


def effective_cache_size(use: Use, machine: Machine) -> int:
    """Three quarters of memory; a quarter on a desktop."""
    return _memory(machine) // 4 if use is Use.DESKTOP else _memory(machine) * 3 // 4


def maintenance_work_mem(use: Use, machine: Machine) -> int:
    """A sixteenth of memory, an eighth for dw, at most 8 GB."""
    return min(_memory(machine) // (8 if use is Use.DW else 16), 8 * _GB)


def wal_buffers(use: Use, machine: Machine) -> int:
    """3 % of shared_buffers, at least 32 kB; from 14 MB on the 16 MB that are the most."""
    found = shared_buffers(use, machine) * 3 // 100
    return 16 * _MB if found > 14 * _MB else max(found, 32)


def work_mem(use: Use, machine: Machine) -> int:
    """(memory − shared_buffers) / (3 × (connections + max_worker_processes)); half of it for dw and mixed, a sixth on a
    desktop; × 1.3 where the database fits in memory, × 0.9 where it does not; at least 4 MB."""
    processes = connections(use, machine) + (workers(machine) or _WORKERS)
    found = (_memory(machine) - shared_buffers(use, machine)) / (processes * 3)
    found /= {Use.DW: 2, Use.MIXED: 2, Use.DESKTOP: 6}.get(use, 1)
    if machine.database is not None:
        found *= 1.3 if _fits(machine) else 0.9
    return max(int(found), 4 * _MB)


def random_page_cost(use: Use, machine: Machine) -> float:
    """1.1, as pages are cached or seek in no time; 4 on a hard disk, and for a dw that does not fit in memory."""
    if machine.database is not None and _fits(machine):
        return 1.1
    too_large = use is Use.DW and machine.database is not None
    return 4.0 if machine.disk is Disk.HDD or too_large else 1.1


def effective_io_concurrency(machine: Machine) -> int:
    """HDD 2, SSD 200, SAN 300, NVMe 1000."""
    return _CONCURRENCY[machine.disk]


def workers(machine: Machine) -> int | None:
    """max_worker_processes and max_parallel_workers: the cores, from 4 on; None leaves the default."""
    return machine.cores if machine.cores >= 4 else None


def per_gather(use: Use, machine: Machine) -> int:
    """Half of the cores, at most 4 unless it is a dw."""
    half = math.ceil(machine.cores / 2)
    return half if use is Use.DW else min(half, 4)


def maintenance_workers(machine: Machine) -> int:
    """Half of the cores, at most 4."""
    return min(math.ceil(machine.cores / 2), 4)


def statistics_target(use: Use) -> int:
    """100; 500 for dw."""
    return 500 if use is Use.DW else 100


def jit(use: Use) -> bool:
    """Off where queries are short: web, oltp, mixed."""
    return use not in (Use.WEB, Use.OLTP, Use.MIXED)


def huge_pages(use: Use, machine: Machine) -> str:
    """``try`` from 2 GB of shared_buffers on."""
    return "try" if shared_buffers(use, machine) >= 2 * _GB else "off"


def without_uring(machine: Machine) -> str:
    """``sync`` where the database fits in memory: what is read is in the system's cache, where PostgreSQL's default,
    three processes that read ahead for others, finds nothing to wait for. Ours, not PGTune's."""
    return "sync" if _fits(machine) else ""


def tune(use: Use, machine: Machine) -> tuple[Setting, ...]:
    """Every setting with its reason."""
    return tuple(_settings(use, machine))


def _settings(use: Use, machine: Machine) -> Iterator[Setting]:
    low, high = _WAL[use]
    most = connections(use, machine)
    server = Level.SERVER
    yield Setting("max_connections", f"{most}", f"what {use} needs, or what was asked for", server)
    yield Setting("shared_buffers", shown(shared_buffers(use, machine)), "a share of memory for the server", server)
    cache = shown(effective_cache_size(use, machine))
    yield Setting("effective_cache_size", cache, "what server and system cache together: makes index scans cheaper")
    upkeep = shown(maintenance_work_mem(use, machine))
    yield Setting("maintenance_work_mem", upkeep, "VACUUM and CREATE INDEX run alone and may use more")
    yield Setting("work_mem", shown(work_mem(use, machine)), f"what is left, shared by {most} connections and workers")
    pages = f"{random_page_cost(use, machine):g}"
    yield Setting("random_page_cost", pages, f"what a seek costs on {machine.disk} or in the cache")
    yield Setting(
        "effective_io_concurrency", f"{effective_io_concurrency(machine)}", f"what {machine.disk} reads at once"
    )
    yield Setting("default_statistics_target", f"{statistics_target(use)}", "how closely ANALYZE looks at each column")
    yield Setting("jit", "on" if jit(use) else "off", "compiling pays only in long queries")
    yield from _parallel(use, machine)
    yield Setting("min_wal_size", shown(low), "segments that are recycled, not made anew", server)
    yield Setting("max_wal_size", shown(high), "fewer checkpoints that are forced by WAL", server)
    yield Setting("wal_buffers", shown(wal_buffers(use, machine)), "a share of shared_buffers", server)
    yield Setting("checkpoint_completion_target", "0.9", "a checkpoint is spread over the time to the next", server)
    yield Setting("huge_pages", huge_pages(use, machine), "fewer page table entries for much memory", server)
    yield Setting("wal_compression", "lz4", "page images take less WAL", server, since=15)
    yield Setting("io_method", "io_uring", "reads without a worker between", server, 18, without_uring(machine))


def _parallel(use: Use, machine: Machine) -> Iterator[Setting]:
    if (most := workers(machine)) is None:
        return
    yield Setting("max_worker_processes", f"{most}", "a process for each core", Level.SERVER)
    yield Setting("max_parallel_workers", f"{most}", "a process for each core")
    yield Setting("max_parallel_workers_per_gather", f"{per_gather(use, machine)}", "half of the cores for one query")
    upkeep = f"{maintenance_workers(machine)}"
    yield Setting("max_parallel_maintenance_workers", upkeep, "half of the cores for CREATE INDEX")


def _memory(machine: Machine) -> int:
    return machine.memory // 1024


def _fits(machine: Machine) -> bool:
    return machine.database is not None and machine.database < machine.memory


def shown(kilobytes: int) -> str:
    """In the largest unit that needs no fraction: 4194304 → ``4GB``."""
    for unit, factor in (("GB", _GB), ("MB", _MB)):
        if kilobytes % factor == 0:
            return f"{kilobytes // factor}{unit}"
    return f"{kilobytes}kB"
