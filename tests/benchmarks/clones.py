"""What a test waits for a database of its own, of the example's size, in ``perf_db`` and its teardown.

``reading``: the tests only read. ``ahead``: each writes and takes 200 ms, so that the next clone is made meanwhile.
``back to back``: each writes and ends at once. Every other test of the run is of the same sort; the first is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / "tests"))

from machine import MAJORS, no_image, no_major  # noqa: E402

SEED = [ROOT / "examples/classification/seed" / name for name in ("1_schema.sql", "2_data.sql", "3_indexes.sql")]
LONG = 0.2
"""Seconds that a test of ``ahead`` takes, as the issue of clones made ahead is about tests of that length."""

SORTS = {"reading": "SELECT 1", "ahead": "UPDATE", "back to back": "UPDATE"}
TESTS = """
import time
import psycopg, pytest

@pytest.mark.parametrize("n", range({count}))
def test_one(perf_db, n):
    started = time.perf_counter()
    with psycopg.connect(perf_db.dsn) as connection:
        connection.execute({sql!r})
    time.sleep(max(0.0, {long} - (time.perf_counter() - started)))
"""
TIMED = """
import json, os, time
import pytest

def note(n, seconds):
    with open(os.environ["CLONE_FIGURES"], "a") as file:
        file.write(json.dumps([n, seconds]) + "\\n")

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    started = time.perf_counter()
    returned = yield
    if fixturedef.argname == "perf_db":
        note(request.node.callspec.params["n"], time.perf_counter() - started)
    return returned

@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    started = time.perf_counter()
    returned = yield
    note(item.callspec.params["n"] + 1, time.perf_counter() - started)
    return returned
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=20)
    parser.add_argument("--only", nargs="*", help="such as embedded-18 local-15")
    parser.add_argument("--folder", default="/tmp", help="of the clusters; /dev/shm is in memory")
    arguments = parser.parse_args()
    tempfile.tempdir = arguments.folder
    print(f"{'server':14}" + "".join(f"{sort:>24}" for sort in SORTS) + "   median ms (least to most)")
    for kind, major in servers(arguments.only):
        shown = [figures(kind, major, sort, arguments.tests) for sort in SORTS]
        print(f"{kind}-{major:<{13 - len(kind)}}" + "".join(f"{text:>24}" for text in shown), flush=True)
    print(f"{arguments.tests} tests of each sort, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


def servers(only: list[str] | None) -> Iterator[tuple[str, int]]:
    """Those this machine has."""
    found = [("embedded", 18)]
    found += [("local", major) for major in MAJORS if not no_major(major)]
    found += [("container", major) for major in MAJORS if not no_image(f"postgres:{major}")]
    return (one for one in found if not only or f"{one[0]}-{one[1]}" in only)


def figures(kind: str, major: int, sort: str, tests: int) -> str:
    folder = Path(tempfile.mkdtemp(prefix="pbclones-"))
    folder.chmod(0o755)
    try:
        waits = _waits(folder, kind, major, sort, tests)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    waited = [seconds * 1e3 for seconds in waits[1:]]
    return f"{median(waited):.1f} ({min(waited):.1f} to {max(waited):.1f})"


def _waits(folder: Path, kind: str, major: int, sort: str, tests: int) -> list[float]:
    sql = SORTS[sort].replace("UPDATE", "UPDATE keywords SET definition = word WHERE keyword_id = 1")
    seed = json.dumps([str(path) for path in SEED])
    files = {
        "pyproject.toml": f'[tool.perfbudget]\nserver = "{kind}"\npostgres = {major}\nseed = {seed}\n',
        "conftest.py": TIMED,
        "test_clones.py": TESTS.format(count=tests + 1, sql=sql, long=LONG if sort == "ahead" else 0.0),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o755)
    noted = folder / "figures"
    environ = os.environ | {"PERFBUDGET_CACHE": str(folder / "cache"), "CLONE_FIGURES": str(noted)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=folder, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    waits = [0.0] * (tests + 2)
    for line in noted.read_text().splitlines():
        n, seconds = json.loads(line)
        waits[n] += seconds
    return waits[: tests + 1]


if __name__ == "__main__":
    main()
