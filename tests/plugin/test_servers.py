"""Where a run's PostgreSQL comes from, as the user sees it: the header, the choice, the same baselines on each kind."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, Shop
from machine import needs_image, no_major

from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.server import Request

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture
def anywhere(shop: Shop) -> Shop:
    shop.write(**{"pyproject.toml": PROJECT.replace('server = "embedded"\n', "")})
    return shop


def header(text: str) -> list[str]:
    return re.findall("^perfbudget: (?:no )?PostgreSQL.*$", text.partition("collected ")[0], re.MULTILINE)


def test_auto_says_what_it_took_and_why_not_the_others(anywhere: Shop) -> None:
    done = anywhere.run(environ=NOWHERE)
    reason = "no container engine at unix:///nowhere/docker.sock (No such file or directory)"
    assert header(done.text) == [f"perfbudget: PostgreSQL 18 from embedded (not container: {reason})"]
    assert done.report["run"]["postgres"]["server"] == "embedded"


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("postgresql://u:secret@127.0.0.1:1/d?sslmode=verify-full", "a server named by its DSN, sslmode=verify-full"),
        ("host=127.0.0.1 port=1 sslmode=disable", "a server named by its DSN, sslmode=disable"),
        ("postgresql://127.0.0.1:1/d", "a server named by its DSN"),
    ],
)
def test_the_sslmode_of_a_dsn_is_shown(anywhere: Shop, server: str, said: str) -> None:
    project = PROJECT.replace('server = "embedded"\n', "").replace('env = "DATABASE_URL"\n', "")
    anywhere.write(**{"test_shop.py": "def test_without_us(): pass", "pyproject.toml": project})
    done = anywhere.run(f"--perf-server={server}", reported=False)
    assert header(done.text) == [f"perfbudget: PostgreSQL 18 from {said}"]


@needs_image("postgres:15")
def test_a_container_with_tls_is_judged_like_any_other(anywhere: Shop) -> None:
    asked = ["--perf-server=container", "--perf-postgres=15"]
    assert anywhere.run("--perf-update", *asked).code == 0
    done = anywhere.run(*asked, environ={"PERFBUDGET_CONTAINER_TLS": "true"})
    assert done.code == 0
    assert header(done.text) == ["perfbudget: PostgreSQL 15 from container, TLS"]
    assert [test["verdict"] for test in done.report["tests"]] == ["same"]


@pytest.fixture
def tmpdir_of_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a server that is started would be seen."""
    with tempfile.TemporaryDirectory(prefix="pb-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


def test_nothing_is_started_for_the_header(anywhere: Shop, tmpdir_of_run: Path) -> None:
    anywhere.write(**{"test_shop.py": "def test_without_us(): pass"})
    anywhere.write(**{"pyproject.toml": PROJECT.replace('env = "DATABASE_URL"\n', "")})
    done = anywhere.run(environ=NOWHERE, reported=False)
    assert header(done.text) == ["perfbudget: PostgreSQL 18 from embedded"]
    assert list(tmpdir_of_run.glob("perfbudget*")) == []


def test_a_project_that_does_not_speak_of_us_has_no_such_line(shop: Shop) -> None:
    shop.write(**{"pyproject.toml": "", "test_shop.py": "def test_without_us(): pass"})
    assert header(shop.run(reported=False).text) == []


def test_where_nothing_can_be_had_each_reason_is_said(anywhere: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    if Local().refusal(Request("nowhere", major=14)) is None:
        pytest.skip("PostgreSQL 14 is in a usual place")
    done = anywhere.run("--perf-postgres=14", environ={**NOWHERE, "PERFBUDGET_LOCAL": "", "PATH": "/nowhere"})
    assert done.code == 4
    for words in ("no PostgreSQL 14", "container: no container engine", "embedded wheel is PostgreSQL 18", "local: "):
        assert words in done.text


def test_the_password_of_a_dsn_is_nowhere(shop: Shop) -> None:
    dsn = "postgresql://nobody:s%40e%3Ac%2Fr%3Fe%23t%20%25@127.0.0.1:1/none"
    done = shop.run(f"--perf-server={dsn}")
    assert done.code == 4
    assert "PostgreSQL 18 from a server named by its DSN" in done.text or "refuses" in done.text
    assert not any(secret in done.text for secret in ("s%40e", "s@e", "e%23t", "e#t"))


@needs_image("postgres:18")
def test_the_same_baselines_on_embedded_and_container(shop: Shop) -> None:
    shop.record()
    before = shop.baseline().read_bytes()
    done = shop.ci("--perf-server=container")
    assert done.code == 0, done.text
    assert done.report["run"]["postgres"]["server"] == "container"
    assert shop.baseline().read_bytes() == before


@pytest.mark.skipif(bool(no_major(18)), reason=no_major(18))
def test_the_same_baselines_on_embedded_and_local(shop: Shop) -> None:
    shop.record()
    done = shop.ci("--perf-server=local")
    assert done.code == 0, done.text
    assert done.report["run"]["postgres"]["server"] == "local"


@needs_image("postgres:18")
def test_the_password_of_a_container_is_in_no_output(shop: Shop) -> None:
    shop.append("test_shop.py", REVEALS)
    done = shop.run("--perf-server=container", "--showlocals", "-vv")
    assert done.code == 1
    url = (shop.path / "url").read_text()
    password = url.partition("postgres:")[2].partition("@")[0]
    assert len(password) == 32
    assert password not in done.text.replace(url, "")
    assert password not in (shop.path / "perf.json").read_text()


REVEALS = """

def test_that_fails(perf_pg, perf_db):
    open("url", "w").write(perf_db.dsn)
    assert perf_db is perf_pg
"""


@needs_image("postgres:18")
def test_workers_share_one_container(shop: Shop) -> None:
    shop.record()
    shop.write(**{"test_more.py": WHEN})
    done = shop.ci("--perf-server=container", "-n", "3")
    assert done.code == 0, done.text
    assert len(set((shop.path / "started").read_text().splitlines())) == 1


WHEN = """
import os, psycopg, pytest

@pytest.mark.parametrize("number", range(6))
def test_when(number):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection, open("started", "a") as file:
        print(*connection.execute("select pg_postmaster_start_time()").fetchone(), file=file)
"""
