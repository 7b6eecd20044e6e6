"""The key ``profile``: what the server runs, and what is said where it runs something else."""

from __future__ import annotations

import textwrap
import uuid

from conftest import Shop

from pytest_perfbudget.postgres import Request
from pytest_perfbudget.postgres.embedded import Embedded

TEST = """
    import pytest

    @pytest.mark.perf_budget(queries={"max": 3})
    def test_settings(perf):
        shown = "select current_setting('effective_cache_size'), current_setting('seq_page_cost')"
        assert perf.run(shown) == [("12GB", "0.5")]
"""
PROFILE = """
profile = "mine"
machine = { memory = "16 GB", cores = 4 }
[tool.perfbudget.profiles.mine]
extends = "web"
settings = { seq_page_cost = 0.5, vacuum_cost_limit = 300 }
"""


def test_a_profile_of_ones_own_is_what_the_server_runs(shop: Shop) -> None:
    shop.append("pyproject.toml", PROFILE)
    shop.write(**{"test_profile.py": textwrap.dedent(TEST)})
    done = shop.run("test_profile.py")
    assert done.code == 0, done.text
    assert done.report["run"]["postgres"]["profile"] == "mine"
    assert "embedded, mine" in done.text
    assert "note" not in done.text


def test_what_an_existing_server_runs_otherwise_is_a_note(shop: Shop, server_cache: str) -> None:
    server = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache))
    shop.append("pyproject.toml", PROFILE)
    shop.write(**{"test_profile.py": textwrap.dedent(TEST)})
    dsn = f"--perf-server={server.dsn('postgres')}"
    shop.record(dsn, "test_profile.py")
    quiet, verbose = shop.run(dsn, "test_profile.py"), shop.run(dsn, "-v", "test_profile.py")
    server.close()
    assert quiet.code == verbose.code == 0, quiet.text
    assert " · 1 note (-v) · " in quiet.text
    assert "max_worker_processes is 8, not 64: a worker a plan asks for is always to be had" in verbose.text
