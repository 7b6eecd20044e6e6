"""Many small tests on several xdist workers: each has its database to itself, and nothing of the run stays.

For each kind of server: 200 tests with ``-n 4``, each of which writes one row to a table that must be empty. Afterwards
every test has passed, no two workers had a database of one name, and no process, folder, container or shared memory is
left.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from suites import Project, home, left, missing_kind

KINDS = ("embedded", "local", "container")
PROJECT = """
[tool.perfbudget]
seed = ["schema.sql"]
"""
TEST = """
    import json, os
    import psycopg, pytest

    @pytest.mark.parametrize("n", range({tests}))
    def test_alone(perf_db, n):
        with psycopg.connect(perf_db.dsn, autocommit=True) as connection:
            assert connection.execute("select n from mine").fetchall() == []
            connection.execute("insert into mine values (%s)", [n])
            assert connection.execute("select n from mine").fetchall() == [(n,)]
        with open(os.environ["PERFBUDGET_WITNESS"] + ".names", "a") as file:
            file.write(json.dumps([os.environ["PYTEST_XDIST_WORKER"], perf_db.name]) + "\\n")
"""
SHARED_MEMORY = Path("/proc/sysvipc/shm"), Path("/dev/shm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=KINDS)
    arguments = parser.parse_args()
    failed = 0
    for kind in arguments.only:
        if missing := missing_kind(kind):
            print(f"{kind:10} not here: {missing}")
            continue
        began = time.monotonic()
        complaints = run(kind, arguments.tests, arguments.workers)
        failed += bool(complaints)
        took = time.monotonic() - began
        print(f"{kind:10} {arguments.tests} tests, {arguments.workers} workers: {took:.1f} s, {complaints or 'ok'}")
    return 1 if failed else 0


def run(kind: str, tests: int, workers: int) -> list[str]:
    """What is not as it should be after such a run; empty where all is well."""
    with home() as folder:
        suite = folder / "many"
        suite.mkdir()
        (suite / "pyproject.toml").write_text(PROJECT)
        (suite / "schema.sql").write_text("create table mine (n int)")
        (suite / "test_many.py").write_text(textwrap.dedent(TEST).replace("{tests}", str(tests)))
        project = Project(folder, suite, suite)
        memory = _shared_memory()
        code = project.run("-n", str(workers), kind=kind)
        complaints = left(project)
        complaints += [f"left: shared memory {one}" for one in sorted(_shared_memory() - memory)]
        if code or project.tests != tests:
            complaints.append(f"exit code {code}, {project.tests} tests:\n{project.output.read_text()}")
        return complaints + _shared_names(Path(f"{project.witness}.names"), workers)


def _shared_names(noted: Path, workers: int) -> list[str]:
    """Every worker keeps one name, and no two have the same."""
    names: dict[str, set[str]] = defaultdict(set)
    for line in noted.read_text().splitlines():
        worker, name = json.loads(line)
        names[worker].add(name)
    all_names = {name for those in names.values() for name in those}
    if len(names) == len(all_names) == workers:
        return []
    return [f"databases of workers: {dict(names)}"]


def _shared_memory() -> set[str]:
    """System V segments that no process is attached to, by their id, and POSIX ones that none has mapped, by their
    name: what has an owner is another server's."""
    segments, posix = SHARED_MEMORY
    lines = segments.read_text().splitlines()[1:] if segments.exists() else []
    found = {f"segment {words[1]}" for words in map(str.split, lines) if words[6] == "0"}
    there = {path.name for path in posix.iterdir()} if posix.is_dir() else set()
    return found | (there - _mapped(posix) if there else set())


def _mapped(folder: Path) -> set[str]:
    """The files of a folder that processes have mapped, of those whose maps we may read."""
    found: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):
            paths = (line.split(maxsplit=5)[5:] for line in maps.read_text().splitlines())
            found |= {path[0].removeprefix(f"{folder}/") for path in paths if path and path[0].startswith(f"{folder}/")}
    return found


if __name__ == "__main__":
    sys.exit(main())
