"""The vocabulary, and the page that is made from it.

``PERFBUDGET_SNAPSHOT=update pytest tests/unit/budgets`` writes the tables of the page anew.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from budget_files import CODES, suite

from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.budgets.contradictions import SAMPLING
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.budgets.key import Key
from pytest_perfbudget.budgets.keys import KEYS, RESERVED
from pytest_perfbudget.errors import At, BudgetError
from pytest_perfbudget.model import WORK_METRICS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "budgets.md"
SNAPSHOTS = Path(__file__).parent / "snapshots"
NOW = [key for key in KEYS if not key.arrives_with]
LATER = [key for key in KEYS if key.arrives_with]
PARTS = {
    "plan rules",
    "migrations",
    "production statistics",
}


@pytest.mark.parametrize("key", NOW, ids=lambda key: key.name)
def test_the_example_of_a_key_is_accepted_and_changes_the_budget(key: Key, tmp_path: Path) -> None:
    example = 'plan.baseline = "exact"' if key.name == "plan.baseline" else key.example
    refined = {"clients": "throughput.min = 5", "latency.always": 'latency.regress = "10%"'}.get(key.name, "")
    budget = suite(tmp_path, orders=f"[recent]\n{refined}\n{example}\n").budgets["orders.recent"]
    without = Budget("orders.recent", budget.at)
    assert budget != (replace(budget, clients=1, latency_always=False) if refined else without)
    if key.limits:
        assert budget.limits[key.name].unit == key.unit


@pytest.mark.parametrize("key", NOW, ids=lambda key: key.name)
def test_the_name_of_a_key_that_is_judged_can_be_waived(key: Key) -> None:
    table = {"rule": key.name, "reason": "r", "owner": "o", "until": "2027-01-31"}
    if key.name in ("query", "waive", "plan.rules"):
        with pytest.raises(BudgetError, match="is neither a rule nor a key"):
            inline({"waive": [table]}, At("test_x.py", 1), "inline.x", CODES)
    else:
        assert inline({"waive": [table]}, At("test_x.py", 1), "inline.x", CODES).waivers[0].rule == key.name


@pytest.mark.parametrize("key", LATER, ids=lambda key: key.name)
def test_a_key_that_is_not_judged_yet_is_refused_with_its_part(key: Key, tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=re.escape(f"{key.name} arrives with {key.arrives_with}")) as caught:
        suite(tmp_path, orders=f"[recent]\n{key.example}\n")
    assert caught.value.at == At("budgets/orders.toml", 2)


@pytest.mark.parametrize("word", sorted(RESERVED - {"suite"}))
def test_the_first_word_of_a_key_names_no_budget(word: str, tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=f"{word} is the first word of keys, not the name of a budget"):
        suite(tmp_path, orders=f"[{word}]\n")


def test_every_part_that_keys_wait_for_is_one_of_the_plan() -> None:
    assert {key.arrives_with for key in LATER} == PARTS


def test_every_counter_has_its_key() -> None:
    assert [key.unit for key in NOW if key.name.startswith("work.") and key.limits] == [*WORK_METRICS, "cost"]


def test_a_percentile_is_provable_from_the_executions_named() -> None:
    """n executions miss the upper 1 − q of times altogether in at most 5 % of measurements; n − 1 in more."""
    for key, quantile in (("latency.p95", 0.95), ("latency.p99", 0.99)):
        n = SAMPLING[key].executions
        assert quantile**n <= 0.05 < quantile ** (n - 1)
        assert n * SAMPLING[key].largest < 3.0


def tables() -> str:
    """All keys by their group, as the page shows them."""
    parts = []
    for title, keys in groupby(KEYS, key=_title):
        parts += [f"### {title}", "", "| key | of | value | meaning | example |", "|---|---|---|---|---|"]
        parts += [_row(key) for key in keys] + [""]
    return "\n".join(parts)


def _title(key: Key) -> str:
    group = f"`{key.name.partition('.')[0]}.`" if "." in key.name else "Others"
    return f"{group}, not judged yet" if key.arrives_with else group


def _row(key: Key) -> str:
    unit = {"s": "with its unit", "B": "with its unit", "": ""}.get(key.unit, key.unit)
    value = f"{key.kind}: {unit}" if unit else str(key.kind)
    later = f" *arrives with {key.arrives_with}*" if key.arrives_with else ""
    return f"| `{key.name}` | {key.of} | {value} | {key.meaning}{later} | `{key.example}` |"


def test_the_page_shows_every_key() -> None:
    head, found, tail = re.split(
        r"(?<=<!-- keys -->\n\n)(.*)(?=<!-- end of keys -->)", PAGE.read_text(), flags=re.DOTALL
    )
    if os.environ.get("PERFBUDGET_SNAPSHOT") == "update":
        PAGE.write_text(head + tables() + "\n" + tail)
    else:
        assert found == tables() + "\n"


def test_the_errors_on_the_page_are_the_errors_people_see() -> None:
    shown = re.findall(r"```text\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    known = {file.read_text() for file in SNAPSHOTS.iterdir()}
    assert len(shown) >= 8
    assert [text for text in shown if text not in known] == []


def test_the_files_on_the_page_are_budgets(tmp_path: Path) -> None:
    files = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert files
    for number, text in enumerate(files):
        assert suite(tmp_path / str(number), orders=text).budgets
