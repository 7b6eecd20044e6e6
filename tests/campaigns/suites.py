"""Suites to be killed: copies in a folder of their own, by whose path all that belongs to a run is known."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from example import EXAMPLE, ROOT, command

from pytest_perfbudget.processes import engine

sys.path.append(str(ROOT / "tests"))

from machine import no_image, no_major

GONE_WITHIN = 10.0  # seconds
PATIENCE = 180.0  # seconds for anything else: a seed, a whole run


class Project:
    """A copy of a suite in ``home/project``, its servers in ``home/cache``, its temporary files in ``home/tmp``: what
    belongs to a run is known by these paths."""

    def __init__(self, home: Path, suite: Path, budgets: Path) -> None:
        self.home, self.suite, self.budgets = home, suite, budgets
        self.witness, self.output = home / "witness", home / "output"
        self.tmp, self.cache = home / "tmp", home / "cache"
        self.tests = 0
        for folder in (self.tmp, self.cache):
            folder.mkdir(exist_ok=True)
        for folder in (home, self.cache):
            folder.chmod(0o755)
        self.tmp.chmod(0o1777)

    def start(self, *arguments: str, kind: str = "embedded") -> subprocess.Popen[bytes]:
        self.witness.write_text("")
        environ = os.environ | {
            "PERFBUDGET_CACHE": str(self.cache),
            "PERFBUDGET_CI": "0",
            "PERFBUDGET_SERVER": kind,
            "PERFBUDGET_WITNESS": str(self.witness),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.tmp),
        }
        with self.output.open("wb") as output:
            return subprocess.Popen(
                command("-vv", "-p", "witness", *arguments),
                cwd=self.suite, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def run(self, *arguments: str, kind: str = "embedded") -> int:
        code = self.start(*arguments, kind=kind).wait(PATIENCE)
        self.tests = len([one for one in self.reports() if one["phase"] == "call"])
        return code

    def reports(self) -> list[dict[str, Any]]:
        """What has been reported so far; the last line may still be half written."""
        lines = self.witness.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def baselines(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.budgets.rglob("*")) if path.is_file()}

    def processes(self) -> list[psutil.Process]:
        """Every live process that works in ``home``, or was told of it by its arguments or environment."""
        return [one for one in psutil.process_iter() if str(self.home) in _ties(one)]

    def folders(self) -> list[Path]:
        """The temporary ones of its runs."""
        return list(self.tmp.glob("perfbudget*"))

    def containers(self) -> list[Any]:
        """Those of its runs: each carries the folder of its run."""
        if no_image("postgres:18"):
            return []
        import docker

        client = docker.from_env(environment={**os.environ, "DOCKER_HOST": engine.host()})
        found = client.containers.list(all=True, filters={"label": "pytest-perfbudget"})
        return [one for one in found if str(self.home) in one.labels.get("pytest-perfbudget.folder", "")]

    def worker(self, controller: subprocess.Popen[bytes]) -> psutil.Process | None:
        """One of xdist's."""
        with contextlib.suppress(psutil.Error):
            return next(iter(psutil.Process(controller.pid).children()), None)
        return None

    def postmaster(self) -> psutil.Process | None:
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                if one.name() == "postgres" and "-D" in one.cmdline():
                    return one
        return None


def left(project: Project, *, folders: bool = True) -> list[str]:
    """What is still there after 10 s; processes are killed so that the next run begins alone. Without ``folders`` these
    may stay: a run killed before its supervisor has started leaves one, which the next run removes."""
    with contextlib.suppress(TimeoutError):
        until(lambda: not project.processes() and not (folders and project.folders()), GONE_WITHIN)
        until(lambda: not project.containers(), GONE_WITHIN)
    found = [f"left: {path.name}" for path in (project.folders() if folders else ())]
    for container in project.containers():
        found.append(f"left: the container {container.short_id}")
        container.remove(force=True, v=True)
    for one in project.processes():
        found.append(f"left: {one.pid} {title(one)[:60]}")
        with contextlib.suppress(psutil.Error):
            one.kill()
    return found


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for it.

    Raises:
        TimeoutError: it is not so after that time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)


def title(one: psutil.Process) -> str:
    """A process's command line; empty for one that is gone."""
    with contextlib.suppress(psutil.Error):
        return " ".join(one.cmdline()) or one.name()
    return ""


def missing_kind(kind: str) -> str:
    """Why this machine has no such server; empty if it has."""
    return {"local": no_major(18), "container": no_image("postgres:18")}.get(kind, "")


@contextlib.contextmanager
def home() -> Iterator[Path]:
    """A folder that the server's user can enter; its path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="pbkill-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def example(folder: Path) -> Project:
    """The example and its budgets, as they are now."""
    suite = folder / EXAMPLE.relative_to(ROOT)
    shutil.copytree(EXAMPLE, suite, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "budgets", folder / "budgets")
    return Project(folder, suite, folder / "budgets")


def shop(folder: Path) -> Project:
    """The shop that the plugin's own tests use, with more tests of the same kind, and its baseline recorded."""
    spec = importlib.util.spec_from_file_location("shop_of_tests", ROOT / "tests" / "plugin" / "conftest.py")
    assert spec
    assert spec.loader
    source: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = source  # dataclasses ask for it
    spec.loader.exec_module(source)
    suite = folder / "shop"
    (suite / "budgets").mkdir(parents=True)
    many = source.TEST.replace("@pytest", '@pytest.mark.parametrize("customer", range(30))\n@pytest')
    many = many.replace("test_recent()", "test_recent(customer)").replace("recent(42)", "recent(customer)")
    files = {"pyproject.toml": source.PROJECT, "schema.sql": source.SCHEMA, "shop.py": source.SHOP}
    timed = source.BUDGET + 'latency.p50 = "5 s"\n'  # workers that time have a room together, which must go, too
    for name, text in {**files, "test_shop.py": many, "budgets/orders.toml": timed}.items():
        (suite / name).write_text(text)
    project = Project(folder, suite, suite / "budgets")
    if project.run("--perf-update"):
        raise RuntimeError(project.output.read_text())
    return project


def _ties(one: psutil.Process) -> str:
    found = ""
    for look in (one.cmdline, one.environ, one.cwd):
        with contextlib.suppress(psutil.Error, OSError):
            found += str(look())
    return found
