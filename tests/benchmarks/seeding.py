"""How long each kind of seed takes for the same rows, beside PostgreSQL's own programs; and the standby.

Rows: half a million orders of about 90 bytes. Each way fills a new database of one embedded server, in turn; the
medians are printed, and the ratio to the program that does the same. Template: from asking for it again to having it.
Standby: from asking for it to its first answer, then the lag of single inserts.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import psycopg

from pytest_perfbudget.postgres import Request, Server, replica
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.seeders import Target
from pytest_perfbudget.postgres.seeders.archive import pg_restore
from pytest_perfbudget.postgres.templates import ensure

TABLE = "create table orders (id int primary key, customer int, at timestamptz, word text)"
ROWS = """insert into orders select g, g % 5000, timestamptz '2026-01-01Z' + g * interval '1 minute', repeat('x', 60)
from generate_series(1, {}) g"""
INSERTS = 2000


def filled(server: Server, fill: Callable[[str], object]) -> float:
    """Seconds ``fill`` takes on a new database, of which it gets the name."""
    server.admin.execute("drop database if exists filled with (force)")
    server.admin.execute("create database filled strategy file_copy")
    started = time.perf_counter()
    fill("filled")
    return time.perf_counter() - started


def step(server: Server, folder: Path, *entries: object) -> Callable[[str], None]:
    """The steps of a seed, without preparing and sealing."""

    def fill(database: str) -> None:
        for one in Seed.of(entries, folder).steps:  # type: ignore[arg-type]
            with server.connect(database) as connection:
                one.run(Target(connection, server.dsn(database), lambda share: None))

    return fill


def program(server: Server, *command: str) -> Callable[[str], object]:
    """One of PostgreSQL's own."""
    return lambda database: subprocess.run(
        [*command, "--dbname", server.dsn(database)], check=True, capture_output=True
    )


def dumped(server: Server, folder: Path, rows: int) -> Path:
    """The rows as SQL, CSV and dumps in ``folder``; the folder of PostgreSQL's programs."""
    programs = Path(pg_restore() or "").parent
    (folder / "table.sql").write_text(TABLE)
    (folder / "rows.sql").write_text(ROWS.format(rows))
    step(server, folder, "table.sql", "rows.sql")("postgres")
    with server.connect() as connection, (folder / "orders.csv").open("wb") as file:
        copy = connection.cursor().copy("copy orders to stdout (format csv, header)")
        with copy as blocks:
            file.writelines(blocks)
    for name, form in (("plain.sql", "plain"), ("orders.dump", "custom")):
        program(server, str(programs / "pg_dump"), f"--format={form}", f"--file={folder / name}")("postgres")
    return programs


def seeds(server: Server, folder: Path, rows: int, rounds: int) -> None:
    programs = dumped(server, folder, rows)
    psql = program(server, f"{programs}/psql", "-X", "-q", "-f", str(folder / "plain.sql"))
    restored = program(server, f"{programs}/pg_restore", str(folder / "orders.dump"))
    ways = {
        "insert … select": (step(server, folder, "table.sql", "rows.sql"), ""),
        "csv": (step(server, folder, "table.sql", {"csv": "orders.csv", "table": "orders"}), ""),
        "psql, plain dump": (psql, ""),
        "plain dump": (step(server, folder, "plain.sql"), "psql, plain dump"),
        "pg_restore, custom dump": (restored, ""),
        "custom dump": (step(server, folder, "orders.dump"), "pg_restore, custom dump"),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (fill, _beside) in ways.items():
            taken[name].append(filled(server, fill))
    for name, (_, beside) in ways.items():
        ratio = f"  {median(taken[name]) / median(taken[beside]):.2f} of {beside}" if beside else ""
        print(f"{name:24} {median(taken[name]):6.2f} s{ratio}")
    seed = Seed.of(["plain.sql"], folder)
    ensure(server, seed)
    again = []
    for _ in range(rounds * 3):
        started = time.perf_counter()
        ensure(server, seed)
        again.append(time.perf_counter() - started)
    print(f"{'template, asked again':24} {median(again) * 1e3:6.1f} ms")


def standby(server: Server, request: Request) -> None:
    started = time.perf_counter()
    found = replica.start(server, request)
    found.lag()
    (size,) = server.admin.execute("select sum(pg_database_size(oid)) from pg_database").fetchone() or (0,)
    print(f"{'standby':24} {time.perf_counter() - started:6.2f} s for {size / 2**20:,.0f} MB")
    lags = []
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
        connection.execute("create table lagging (id int)")
        for number in range(INSERTS):
            connection.execute("insert into lagging values (%s)", [number])
            lags.append(found.lag() * 1e3)
    print(f"{'lag':24} {median(lags):6.2f} ms p50, {quantiles(lags, n=20)[-1]:.2f} ms p95 of {INSERTS} inserts")
    found.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="perfbudget-seeding-") as folder:
        Path(folder).chmod(0o755)
        cache = Path(folder) / "cache"
        request = Request(run=uuid.uuid4().hex, cache=str(cache))
        server = Embedded().start(request)
        try:
            seeds(server, Path(folder), arguments.rows, arguments.rounds)
            standby(server, request)
        finally:
            server.close()


if __name__ == "__main__":
    main()
