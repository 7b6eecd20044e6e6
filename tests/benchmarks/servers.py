"""How long each kind of server takes to start and to clone a database of the example's size; bare testcontainers too.

``first`` is the start of a kind that has nothing yet (cluster made; for a container the image is there), ``later`` the
median start of the runs after it; both until the first query is answered, in one process. ``clone`` is the median of
fresh clones of the seeded template, none made ahead. A bare container is started by ``PostgresContainer`` of
testcontainers with the same image, until the first query; its clone is ``CREATE DATABASE … TEMPLATE`` as it comes.
The last two rows are whole runs of pytest on the embedded programs, until the first query of a test, the seed included:
ours and pytest-postgresql's. Their clone is what a test waits after one that wrote (``start.py`` has more of it).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import psycopg

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "tests"))

import start  # noqa: E402
from machine import FOLDERS, MAJORS, no_image, no_major  # noqa: E402

from pytest_perfbudget.postgres import Request, Server, ServerKind  # noqa: E402
from pytest_perfbudget.postgres.clones import clone, drop  # noqa: E402
from pytest_perfbudget.postgres.container import Container  # noqa: E402
from pytest_perfbudget.postgres.embedded import Embedded  # noqa: E402
from pytest_perfbudget.postgres.local import Local  # noqa: E402
from pytest_perfbudget.postgres.seed import Seed  # noqa: E402
from pytest_perfbudget.postgres.templates import ensure  # noqa: E402

SEED = [f"seed/{name}" for name in ("1_schema.sql", "2_data.sql", "3_indexes.sql")]
EXAMPLE = ROOT / "examples" / "classification"


def kinds() -> Iterator[tuple[ServerKind, int, str]]:
    """Kind, major, and why it is not to be had here."""
    yield Embedded(), 18, ""
    for major in MAJORS:
        yield Container(), major, no_image(f"postgres:{major}")
    for major in MAJORS:
        yield Local(), major, no_major(major)


def measured(kind: ServerKind, major: int, starts: int, clones: int) -> tuple[float, float, float]:
    """Seconds: first start, later starts, clones."""
    cache = Path(tempfile.mkdtemp(prefix="pbservers-", dir="/tmp"))
    cache.chmod(0o755)
    took: list[float] = []
    try:
        for _ in range(starts + 1):
            request = Request(uuid.uuid4().hex, server=kind.name, major=major, cache=str(cache), local=FOLDERS)
            began = time.perf_counter()
            server = kind.start(request)
            took.append(time.perf_counter() - began)
            cloned = cloning(server, clones) if len(took) > starts else 0.0
            server.close()
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    return took[0], median(took[1:]), cloned


def cloning(server: Server, clones: int) -> float:
    template = ensure(server, Seed.of(SEED, EXAMPLE))

    def once(number: int) -> None:
        clone(server, template, f"perfbudget_bench_{number}")

    def undo(number: int) -> None:
        drop(server, f"perfbudget_bench_{number}")

    return _median(once, undo, clones)


def bare(major: int, starts: int, clones: int) -> tuple[float, float, float]:
    from testcontainers.core.config import testcontainers_config

    testcontainers_config.ryuk_disabled = True
    from testcontainers.community.postgres import PostgresContainer

    took: list[float] = []
    for _ in range(starts + 1):
        began = time.perf_counter()
        with PostgresContainer(f"postgres:{major}") as container:
            url = container.get_connection_url(driver=None)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("SELECT 1")
                took.append(time.perf_counter() - began)
                cloned = bare_cloning(connection, url, clones) if len(took) > starts else 0.0
    return took[0], median(took[1:]), cloned


def bare_cloning(admin: psycopg.Connection, url: str, clones: int) -> float:
    admin.execute("CREATE DATABASE seeded")
    with psycopg.connect(f"{url.rpartition('/')[0]}/seeded", autocommit=True) as connection:
        for name in SEED:
            connection.execute((EXAMPLE / name).read_bytes())
    return _median(
        lambda number: admin.execute(f"CREATE DATABASE c{number} TEMPLATE seeded"),
        lambda number: admin.execute(f"DROP DATABASE c{number}"),
        clones,
    )


def run(side: start.Side, starts: int) -> tuple[float, float, float]:
    took = [side.warm() for _ in range(starts + 1)]
    return took[0], median(took[1:]), median(side.fresh())


def _median(once: Callable[[int], object], undo: Callable[[int], object], times: int) -> float:
    took = []
    for number in range(times):
        began = time.perf_counter()
        once(number)
        took.append(time.perf_counter() - began)
        undo(number)
    return median(took)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--clones", type=int, default=10)
    arguments = parser.parse_args()
    how = (arguments.starts, arguments.clones)
    print(f"{'kind':24} {'major':>5} {'first':>9} {'later':>9} {'clone':>9}")
    for kind, major, missing in kinds():
        row(kind.name, major, missing, lambda kind=kind, major=major: measured(kind, major, *how))  # type: ignore[misc]
    for major in MAJORS:
        missing = no_image(f"postgres:{major}")
        row("testcontainers alone", major, missing, lambda major=major: bare(major, *how))  # type: ignore[misc]
    with start.sides() as sides:
        for name, side in sides.items():
            row(f"pytest, {name}", 18, "", lambda side=side: run(side, arguments.starts))  # type: ignore[misc]
    print(f"on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {sys.platform}, Python {sys.version.split()[0]}")
    return 0


def row(name: str, major: int, missing: str, measure: Callable[[], tuple[float, float, float]]) -> None:
    figures = missing or "".join(f"{seconds * 1e3:7,.0f} ms" for seconds in measure())
    print(f"{name:24} {major:>5} {figures}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
