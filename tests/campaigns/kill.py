"""Runs of pytest ended by signals, and servers killed under them: nothing may stay behind, nothing may be broken.

Each row of the table is one run, killed at one moment. Afterwards no process and no temporary folder of it is left
within 10 s, every baseline is as it was (or, under ``--perf-update``, recorded whole or not at all), no test that began
after its server was killed has passed, and the next ordinary run is green.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import psutil
from suites import PATIENCE, Project, example, home, left, missing_kind, shop, title, until


@dataclass(frozen=True)
class Killing:
    """``signal`` to ``whom`` (pytest, a worker or postgres) of a run with ``arguments``, at a moment: ``starting``,
    ``seeding``, ``testing`` (some tests reported) or ``ending`` (all reported); the server is of a ``kind``."""

    signal: signal.Signals
    whom: str = "pytest"
    arguments: tuple[str, ...] = ()
    moment: str = "testing"
    kind: str = "embedded"

    @property
    def code(self) -> int:
        """pytest's exit code afterwards."""
        codes = {signal.SIGINT: 2, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
        return codes[self.signal] if self.whom == "pytest" else 1

    @property
    def updates(self) -> bool:
        return "--perf-update" in self.arguments

    def __str__(self) -> str:
        return f"{self.signal.name:7} to {self.whom:8} {self.moment:8} {self.kind:9} {' '.join(self.arguments):20}"


SHORT = [
    Killing(signal.SIGTERM),
    Killing(signal.SIGKILL),
    Killing(signal.SIGKILL, "postgres"),
    Killing(signal.SIGKILL, arguments=("-n", "4"), kind="local"),
    Killing(signal.SIGKILL, arguments=("-n", "4"), kind="container"),
    Killing(signal.SIGKILL, "worker", ("-n", "4"), kind="container"),
]
LONG = [
    *(Killing(number, arguments=how) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
      for how in ((), ("-n", "2"))),
    *(Killing(number, arguments=("--perf-update",), moment=moment)
      for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL) for moment in ("testing", "ending")),
    Killing(signal.SIGKILL, arguments=("--perf-update", "-n", "2"), moment="ending"),
    Killing(signal.SIGKILL, moment="starting"),
    Killing(signal.SIGTERM, moment="starting"),
    Killing(signal.SIGKILL, arguments=("--perf-reseed",), moment="seeding"),
    Killing(signal.SIGTERM, arguments=("--perf-reseed",), moment="seeding"),
    Killing(signal.SIGKILL, "postgres"),
    Killing(signal.SIGKILL, "postgres", ("-n", "2")),
    Killing(signal.SIGKILL, "postgres", ("--perf-update",)),
    *(Killing(number, arguments=("-n", "4"), kind=kind)
      for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL) for kind in ("local", "container")),
    *(Killing(signal.SIGKILL, "worker", ("-n", "4"), kind=kind) for kind in ("embedded", "local", "container")),
    *(Killing(signal.SIGKILL, moment="starting", kind=kind) for kind in ("local", "container")),
    Killing(signal.SIGKILL, "postgres", kind="local"),
]  # fmt: skip


@dataclass
class Aftermath:
    """What was found after a killing; ``complaints`` is empty where all is well."""

    killing: Killing
    code: int
    reported: int
    gone: float
    again: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = "; ".join(self.complaints) or "ok"
        return f"{self.killing}  {self.code:>4}  {self.reported:>8}  {self.gone:>6.1f} s  {self.again:>6.1f} s  {found}"


HEADER = f"{'signal, moment, arguments':{len(str(SHORT[0]))}}  code  reported  all gone  next run  found"


def strike(project: Project, killing: Killing) -> Aftermath:
    """One run, killed, and what it left; the project must have run green before."""
    before = project.baselines()
    if killing.updates:
        for path in project.budgets.rglob("*.json"):
            path.unlink()
    process = project.start(*killing.arguments, kind=killing.kind)
    killed = _kill_at_its_moment(project, killing, process)
    code = process.wait(PATIENCE)
    ended = time.time()
    complaints = left(project, folders=killing.moment != "starting")
    found = Aftermath(
        killing, code, len({one["test"] for one in project.reports()}), time.time() - ended, 0, complaints
    )
    if killed is None:
        complaints.append("it ended before it could be killed")
    elif code != killing.code or "Traceback (most" in project.output.read_text():
        complaints.append(f"exit code {code}, not {killing.code}, or a traceback:\n{project.output.read_text()}")
    complaints += _passed_without_server(project, killed) if killed and killing.whom == "postgres" else []
    complaints += _changed(before, project, whole=killing.updates)
    _restore(project, before)
    began = time.time()
    if code := project.run(kind=killing.kind):
        complaints.append(f"the next run ended with {code}:\n{project.output.read_text()}")
    found.again = time.time() - began
    complaints += left(project)
    return found


def _kill_at_its_moment(project: Project, killing: Killing, process: subprocess.Popen[bytes]) -> float | None:
    """When the signal had been sent and, to postgres, its process had gone; None if the run ended before."""
    until(lambda: _moment(project, killing.moment) or process.poll() is not None)
    others = {"postgres": project.postmaster, "worker": lambda: project.worker(process)}
    other = others[killing.whom]() if killing.whom in others else None
    if process.poll() is not None or (killing.whom in others and other is None):
        return None
    if other:
        other.send_signal(killing.signal)
        until(lambda: _gone(other))
    else:
        process.send_signal(killing.signal)
    return time.time()


def _gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _moment(project: Project, moment: str) -> bool:
    if moment == "starting":
        return any(project.tmp.glob("perfbudget-*/lifeline"))
    if moment == "seeding":
        return any("INSERT" in title(one) or "INDEX" in title(one) for one in project.processes())
    called = sum(one["phase"] == "call" for one in project.reports())
    return called >= (project.tests if moment == "ending" else project.tests // 3)


def _passed_without_server(project: Project, killed: float) -> list[str]:
    began: dict[str, float] = {}
    for one in project.reports():
        began.setdefault(one["test"], one["start"])
    called = [one for one in project.reports() if one["phase"] == "call" and one["outcome"] == "passed"]
    return [f"passed without a server: {one['test']}" for one in called if began[one["test"]] > killed]


def _changed(before: dict[str, bytes], project: Project, *, whole: bool) -> list[str]:
    """Baselines that differ; with ``whole``, those that are there but hold anything else than what a run that is left
    alone records of the same tests."""
    after = project.baselines()
    if whole:
        return [f"not whole: {name}" for name in after if not _whole(after[name], before.get(name, b""))]
    return [f"changed: {name}" for name in before | after if before.get(name) != after.get(name)]


def _whole(text: bytes, full: bytes) -> bool:
    """Whether each test of a baseline has all of its entry, and the rest is as it should be."""
    if text == full:
        return True
    try:
        found, wanted = json.loads(text), json.loads(full)
    except ValueError:
        return False
    tests = found.pop("tests")
    entries = wanted.pop("tests")
    differing = {key for key in found | wanted if key != "recorded" and found.get(key) != wanted.get(key)}
    return not differing and bool(tests) and all(entries.get(test) == entry for test, entry in tests.items())


def _restore(project: Project, before: dict[str, bytes]) -> None:
    folder = next(iter(project.budgets.glob("baselines/pg*")), project.budgets / "baselines" / "pg18")
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, text in before.items():
        if name.endswith(".json"):
            (folder / name).write_bytes(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="three killings, of a small suite")
    short = parser.parse_args().short
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # tidy up then too
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell inherits it as ignored
    failed = 0
    with home() as folder:
        project = shop(folder) if short else example(folder)
        if project.run():
            raise RuntimeError(project.output.read_text())
        print(f"{project.tests} tests\n{HEADER}")
        for killing in SHORT if short else LONG:
            if missing := missing_kind(killing.kind):
                print(f"{killing}  not run: {missing}")
                continue
            found = strike(project, killing)
            print(found, flush=True)
            failed += bool(found.complaints)
    print(f"{failed} killings left something behind")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
