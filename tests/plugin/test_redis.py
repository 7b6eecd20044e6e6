"""``perf_redis`` as a test meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Shop

TESTS = """
import os, pytest, redis, time

@pytest.mark.parametrize("number", range(8))
def test_alone(perf_redis, number):
    with redis.Redis.from_url(perf_redis.dsn) as client, open("urls", "a") as file:
        assert client.keys() == []
        client.set("key", number)
        assert client.get("key") == str(number).encode()
        print(perf_redis.url, os.environ.get("PYTEST_XDIST_WORKER"), client.info("server")["run_id"], file=file)
    if os.environ.get("CRASH") and number == 5:
        os._exit(1)
    workers, until = int(os.environ.get("TOGETHER", 0)), time.monotonic() + 60
    while len({line.split()[1] for line in open("urls")}) < workers:  # a server is stopped by its last user
        assert time.monotonic() < until
        time.sleep(0.02)
"""


@pytest.fixture
def project(shop: Shop) -> Shop:
    shop.write(**{"pyproject.toml": '[tool.perfbudget]\nredis = "embedded"\n', "test_shop.py": TESTS})
    return shop


def urls(project: Shop) -> list[list[str]]:
    return [line.split() for line in (project.path / "urls").read_text().splitlines()]


def test_each_test_begins_with_an_empty_database_and_the_header_says_where_it_is(project: Shop) -> None:
    done = project.run(reported=False)
    assert done.code == 0, done.text
    assert "perfbudget: Redis from embedded" in done.text
    assert len({url for url, *_ in urls(project)}) == 1


def test_workers_share_a_server_and_have_a_database_each(project: Shop) -> None:
    done = project.run("-n", "4", reported=False, environ={"TOGETHER": "4"})
    assert done.code == 0, done.text
    found = urls(project)
    assert len({run for *_, run in found}) == 1
    pairs = {(url, worker) for url, worker, _ in found}
    assert len(pairs) == len({url for url, _ in pairs}) == len({worker for _, worker in pairs})


def test_a_worker_that_crashes_leaves_the_server_to_the_others_and_nothing_behind(project: Shop) -> None:
    done = project.run("-n", "2", reported=False, environ={"CRASH": "1"})
    assert "1 failed, 7 passed" in done.text
    folder = urls(project)[0][0].removeprefix("unix://").rpartition("/")[0]
    assert not Path(folder).exists()


def test_what_cannot_be_had_fails_the_test_with_the_reasons(project: Shop) -> None:
    done = project.run(reported=False, environ={"PERFBUDGET_REDIS": "redis://:s%40ecret@127.0.0.1:1"})
    assert done.code == 1
    assert "Redis at 127.0.0.1:1 refuses" in done.text
    assert "ecret" not in done.text
    wrong = project.run(reported=False, environ={"PERFBUDGET_REDIS": "rediss"})
    assert "no such kind of server" in wrong.text
    assert wrong.code == 4
