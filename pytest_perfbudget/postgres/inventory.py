"""What earlier runs left for later ones: templates and spares, in the clusters of the cache or on a server."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import cluster, conninfo, markers
from pytest_perfbudget.postgres.binaries import find_wheel
from pytest_perfbudget.postgres.local import installed
from pytest_perfbudget.postgres.markers import PREFIX, SPARE, TEMPLATE, drop, key
from pytest_perfbudget.postgres.server import Request
from pytest_perfbudget.processes.folders import cache_folder
from pytest_perfbudget.processes.unprivileged import ServerUser, server_user

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.programs import Programs

_SIZES = "select datname, pg_database_size(oid) from pg_database where datname = any(%s)"
_TRY_LOCK, _UNLOCK = "select pg_try_advisory_lock(%s)", "select pg_advisory_unlock(%s)"
_SLOT = re.compile(r"slot-(\d+)")


@dataclass(frozen=True, slots=True)
class Kept:
    """A database that stays. ``kind`` is ``template`` or ``spare``; ``used`` an ISO time; ``size`` in bytes;
    ``in_use`` says that a living run has locked it."""

    name: str
    kind: str
    hash: str
    seed: str
    used: str
    size: int
    in_use: bool


def kept(admin: psycopg.Connection) -> list[Kept]:
    """The templates and spares of a server that belong to us, the last used first."""
    found = [d for d in markers.ours(admin) if d.marker.kind in (TEMPLATE, SPARE)]
    seeds = {d.marker.hash: d.marker.seed for d in found if d.marker.kind == TEMPLATE}
    sizes: dict[str, int] = dict(admin.execute(_SIZES, [[d.name for d in found]]).fetchall())
    held = markers.held_keys(admin)
    rows = [
        Kept(d.name, d.marker.kind, d.marker.hash, seeds.get(d.marker.hash, ""), d.marker.used, sizes[d.name], in_use)
        for d in found
        if d.name in sizes
        for in_use in [key(_template(d.marker.hash)) in held]
    ]
    return sorted(rows, key=lambda row: row.used, reverse=True)


def forget(admin: psycopg.Connection, one: Kept) -> bool:
    """Drop a template or spare; False where a run has its template in use, or it is gone."""
    lock = key(_template(one.hash))
    if admin.execute(_TRY_LOCK, [lock]).fetchone() != (True,):
        return False
    try:
        there = any(d.name == one.name and d.marker.kind == one.kind for d in markers.ours(admin))
        return there and drop(admin, one.name)
    finally:
        admin.execute(_UNLOCK, [lock])


def _template(digest: str) -> str:
    return f"{PREFIX}t_{digest[:12]}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of the cache: ``embedded-18.6/slot-0``. ``unread`` says why it cannot be looked into; ``kind`` and
    ``programs`` start it."""

    name: str
    folder: Path
    unread: str = ""
    kind: str = ""
    programs: Programs | None = None


def clusters(cache: str | None = None, local: Sequence[str] = ()) -> list[Cluster]:
    """The clusters of the cache folder (None: the default), by name. ``local`` are the folders of that setting. Nothing
    is started.

    Raises:
        ServerError: the cache folder cannot be used.
    """
    user, installed_here = server_user(), dict(_installed(local))
    folders = [path for path in cache_folder(cache, user).glob("*/slot-*") if _SLOT.fullmatch(path.name)]
    return [
        Cluster(f"{path.parent.name}/{path.name}", path, _unread(path, user, programs), kind, programs)
        for path in sorted(folders)
        if (path / "data").is_dir()
        for kind, programs in [installed_here.get(path.parent.name, ("", None))]
    ]


def _installed(local: Sequence[str]) -> Iterator[tuple[str, tuple[str, Programs]]]:
    """The folder of the clusters of what is installed here, with its kind and programs."""
    if wheel := find_wheel():
        yield f"embedded-{wheel.version}", ("embedded", wheel)
    for one in installed(local):
        yield f"local-{one.version}", ("local", one)


def _unread(slot: Path, user: ServerUser, programs: Programs | None) -> str:
    if slot.stat().st_uid != user.uid:
        return "belongs to another user"
    if _running(slot):
        return ""
    if programs is None:
        return "its programs are not installed here"
    return (
        ""
        if cluster.is_clean(slot / "data", programs.major)
        else "was not shut down cleanly; the next run makes it anew"
    )


def _running(slot: Path) -> dict[str, str]:
    """How to reach the server that runs on the slot, from its postmaster.pid; empty where none says that it does."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = (slot / "data" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
        host = lines[4] or lines[5]
        return {"user": cluster.SUPERUSER, "host": host, "port": lines[3]}
    return {}


@contextlib.contextmanager
def opened(one: Cluster, cache: str | None = None) -> Iterator[psycopg.Connection]:
    """A connection to the cluster: to the server of the run that uses it, else to one started for this.

    Raises:
        ServerError: it cannot be looked into.
    """
    if one.unread:
        raise ServerError(f"{one.name} {one.unread}")
    if params := _running(one.folder):
        with conninfo.connect(conninfo.url(params, "postgres")) as admin:
            yield admin
        return
    from pytest_perfbudget.postgres.programs import start

    number = _SLOT.fullmatch(one.folder.name)
    assert number
    assert one.programs
    request = Request(run=uuid.uuid4().hex, cache=cache, slot=int(number[1]))
    server = start(one.kind, one.programs, request)
    try:
        yield server.admin
    finally:
        server.close()


def matching(rows: Sequence[Kept], name: str) -> list[Kept]:
    """Those that ``--drop`` means: ``all``, a database's name, or the first digits of a seed's hash, whose spares go
    with its template; spares first."""
    digest = name.removeprefix(f"{PREFIX}t_")
    meant = [row for row in rows if name in ("all", row.name) or (len(digest) >= 4 and row.hash.startswith(digest))]
    return sorted(meant, key=lambda row: row.kind == TEMPLATE)
