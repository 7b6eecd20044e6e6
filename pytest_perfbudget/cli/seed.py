"""List the seeded templates that are kept for later runs, with their spares; drop them.

Without --dsn: those in the clusters of the cache (PERFBUDGET_CACHE, else the default folder). A cluster that no run
uses is started for this and stopped again. A template that a run has in use is never dropped: exit 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError, SettingsError
from pytest_perfbudget.postgres import conninfo
from pytest_perfbudget.postgres.inventory import Kept, clusters, forget, kept, matching, opened
from pytest_perfbudget.report.tables import table
from pytest_perfbudget.session import settings
from pytest_perfbudget.units import format_bytes

if TYPE_CHECKING:
    import psycopg

_HEADERS = ["name", "kind", "seed", "size", "last used", "where"]


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="list them; the default")
    parser.add_argument("--drop", metavar="NAME", help="drop one, by its name or the first digits of its hash, or all")
    parser.add_argument("--dsn", help="those on this server instead of the cache")


def run(arguments: argparse.Namespace) -> int:
    if arguments.list and arguments.drop:
        raise SettingsError("--list and --drop: give one of them")
    import psycopg

    found = stayed = 0
    rows: list[list[str]] = []
    for where, admin, why in _servers(arguments.dsn):
        if admin is None:
            rows.append(_unread(where, why))
            continue
        try:
            for one in matching(kept(admin), arguments.drop or "all"):
                found += 1
                dropped = bool(arguments.drop) and forget(admin, one)
                stayed += not dropped
                rows.append(_row(one, where, dropped=dropped))
        except psycopg.OperationalError:
            stayed += 1
            rows.append(_unread(where, "its last run stopped it meanwhile; try again"))
    if arguments.drop and not found:
        raise SettingsError(f"--drop {arguments.drop}: there is nothing of that name")
    print("\n".join(table(_HEADERS, rows, right=(3,))) if rows else "nothing is kept")
    return int(bool(arguments.drop) and stayed > 0)


def _unread(where: str, why: str) -> list[str]:
    return ["", "", "", "", "", f"{where}: {why}"]


def _row(one: Kept, where: str, *, dropped: bool) -> list[str]:
    state = ": dropped" if dropped else ": in use" if one.in_use else ""
    used = one.used[:16].replace("T", " ")
    return [one.name, one.kind, one.seed, format_bytes(one.size), used, where + state]


def _servers(dsn: str | None) -> Iterator[tuple[str, psycopg.Connection | None, str]]:
    """Each place, a connection to it or None, and why there is none."""
    if dsn:
        params = conninfo.parse(dsn)
        with conninfo.connect(dsn) as admin:
            yield params.get("host") or "server", admin, ""
        return
    root = Path.cwd()
    local = settings.read({}, os.environ, root / "pyproject.toml", root).local
    for one in clusters(local=local):
        with contextlib.ExitStack() as stack:
            try:
                admin = stack.enter_context(opened(one))
            except ServerError as error:
                yield one.name, None, one.unread or error.what.splitlines()[0]
                continue
            yield one.name, admin, ""
