"""The optimisation table in its short form: what it holds, and that nothing in it is stale; never how fast it was."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "classification"
sys.path.append(str(EXAMPLE))

from headline import document, figures, picture, table  # noqa: E402
from headline.clients import Sums  # noqa: E402
from headline.rounds import Measured, Outcome, Plan  # noqa: E402
from headline.seeded import _indexes, _keys  # noqa: E402
from headline.steps import ALL, NAMES, NONE, all_but_one  # noqa: E402
from headline.workload import SHARES, Kind, Workload  # noqa: E402

SHORT = (
    "--rounds", "1", "--ablations", "1", "--seconds", "0.4", "--start", "0.2", "--warm", "1", "--businesses", "3000",
    "--yesterday", "2000",
)  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, server_cache: str) -> dict[str, Any]:
    """The JSON and the picture of a short run, and what it printed."""
    folder = tmp_path_factory.mktemp("headline")
    command = [sys.executable, str(EXAMPLE / "headline"), *SHORT]
    command += ["--json", str(folder / "found.json"), "--svg", str(folder / "found.svg")]
    environ = os.environ | {"PERFBUDGET_CACHE": server_cache}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found | {"printed": done.stdout, "picture": (folder / "found.svg").read_text(), "code": done.returncode}


def test_every_row_has_a_figure_of_both_sides_and_an_interval(written: dict[str, Any]) -> None:
    assert [row["name"] for row in written["rows"]] == [
        "average query response time", "connection time", "memory of the server's processes", "CPU per request",
        "throughput", "cache hit rate",
    ]  # fmt: skip
    for row in written["rows"]:
        assert row["after"] > 0
        low, high = row["change"]["low"], row["change"]["high"]
        assert low is None or low <= row["change"]["value"]
        assert high is None or high >= row["change"]["value"]
        assert row["name"] in written["printed"]
        assert escape(row["name"]) in written["picture"]


def test_hits_are_compared_while_others_write_and_none_is_stale(written: dict[str, Any]) -> None:
    assert written["staleness"]["checked"] > 0
    assert written["staleness"]["stale"] == 0
    assert written["load"]["seen"]["after"]["reclassify"] > 0
    assert written["cache"]["hits"] > 0


def test_no_request_fails_on_either_side(written: dict[str, Any]) -> None:
    assert written["failed"] == {}


def test_each_step_is_left_out_once(written: dict[str, Any]) -> None:
    assert [one["step"] for one in written["without"]] == list(NAMES.values())


def test_the_tuned_server_is_given_what_perfbudget_tune_proposes(written: dict[str, Any]) -> None:
    assert "ALTER SYSTEM SET random_page_cost = '1.1';" in written["tuned"]


def test_the_exit_code_says_whether_the_targets_are_reached(written: dict[str, Any]) -> None:
    assert written["code"] == (0 if written["ok"] else 1)
    assert written["ok"] == (all(row["reached"] for row in written["rows"]) and not written["staleness"]["stale"])


def test_the_picture_is_an_image_that_needs_nothing_from_elsewhere(written: dict[str, Any]) -> None:
    ET.fromstring(written["picture"])
    assert "href" not in written["picture"]


def test_the_same_seed_asks_for_the_same() -> None:
    load = Workload()
    assert list(islice(load.requests("0/0"), 500)) == list(islice(load.requests("0/0"), 500))
    assert list(islice(load.requests("0/0"), 50)) != list(islice(load.requests("0/1"), 50))


def test_requests_are_drawn_by_their_shares_and_by_zipf() -> None:
    load = Workload(zipf=1.0, businesses=1000)
    drawn = list(islice(load.requests("seed"), 50_000))
    kinds = Counter(request.kind for request in drawn)
    for kind, share in SHARES.items():
        assert kinds[kind] / len(drawn) == pytest.approx(share / sum(SHARES.values()), rel=0.2, abs=0.001)
    ranks = Counter(request.what for request in drawn if request.kind is Kind.LATEST)
    (_, first), (_, second) = ranks.most_common(2)
    assert first / second == pytest.approx(2, rel=0.15)
    assert all(1 <= business <= 1000 for business in ranks)


def test_at_least_one_request_of_a_hundred_writes() -> None:
    assert Workload().writes >= 0.01


def test_before_has_the_keys_and_after_the_indexes_of_the_example() -> None:
    assert len(_indexes()) == 2 + 10  # and two SET
    assert all("ADD" in statement for statement in _keys() if statement.startswith("ALTER"))
    assert not [statement for statement in _keys() if "INDEX" in statement]


def test_variants_are_all_steps_none_and_all_but_each() -> None:
    assert {replace(steps, **{name: True}) for name, steps in all_but_one().items()} == {ALL}
    assert len({NONE, ALL, *all_but_one().values()}) == 8


def slice_of(requests: int, seconds: float, memory: float, counts: dict[str, int] | None = None) -> Measured:
    sums = Sums(requests=requests, response=seconds, connection=seconds / 10, counts=Counter(counts or {}))
    return Measured(1.0, sums, seconds, memory)


COUNTS = {"hits": 96, "executed": 3, "shared": 1, "checked": 5, "stale": 0, "undecided": 0}


def outcome(after: list[Measured]) -> Outcome:
    before = [slice_of(100, 10.0, 400.0) for _ in after]
    without = dict.fromkeys(NAMES, after)
    return Outcome(Plan(), before, after, after, without, [], "18", "8")


def test_a_change_is_that_of_the_ratios_of_the_rounds() -> None:
    response, connection, memory, cpu, throughput, rate = figures.rows(
        outcome([slice_of(1000, 10.0, 200.0, COUNTS), slice_of(1000, 10.0, 200.0, COUNTS)])
    )
    assert (response.before, response.after) == pytest.approx((0.1, 0.01))
    assert response.change.value == connection.change.value == pytest.approx(-0.9)
    assert memory.change.value == pytest.approx(-0.5)
    assert throughput.change.value == pytest.approx(9.0)
    assert rate.change.value == pytest.approx(0.96)
    assert [row.reached for row in (response, connection, memory, cpu, throughput, rate)] == [
        True, False, True, True, True, True,
    ]  # fmt: skip


def test_rounds_that_differ_widen_the_interval() -> None:
    steady = figures.interval([1.0, 1.0, 1.0])
    assert (steady.low, steady.high) == (1.0, 1.0)
    found = figures.interval([0.9, 1.0, 1.1])
    assert found.low < 0.9 < 1.1 < found.high
    assert math.isinf(figures.interval([1.0]).high)


def test_a_row_that_falls_short_says_by_how_much_and_the_run_fails() -> None:
    found = document.of(outcome([slice_of(1000, 10.0, 300.0, COUNTS), slice_of(1000, 10.0, 300.0, COUNTS)]))
    assert not found.ok
    (line,) = [line for line in table.lines(found) if line.startswith("memory")]
    assert "short by 15.0 points" in line
    assert "short by 15.0 points" in picture.svg(found)


def test_one_stale_hit_fails_the_run() -> None:
    good = [slice_of(10_000, 1.0, 200.0, COUNTS), slice_of(10_000, 1.0, 200.0, COUNTS)]
    assert document.of(outcome(good)).ok
    stale = slice_of(10_000, 1.0, 200.0, COUNTS | {"stale": 1})
    found = document.of(outcome([good[0], stale]))
    assert not found.ok
    assert found.staleness.stale > 0


def test_a_run_in_which_no_hit_was_compared_fails() -> None:
    unseen = slice_of(10_000, 1.0, 200.0, COUNTS | {"checked": 0})
    assert not document.of(outcome([unseen, unseen])).ok
