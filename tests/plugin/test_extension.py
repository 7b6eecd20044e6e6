"""The example plugin, used as a company would: its reporter, its rule and its words."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from conftest import BUDGET, Shop

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"
HOUSE = ("-p", "house_rules")


@pytest.fixture
def house(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLE))
    return shop


def test_report_and_runbook(house: Shop) -> None:
    house.write(**{"budgets/orders.toml": BUDGET.replace("120", "12")})
    done = house.run(*HOUSE, "--perf-report=csv:perf.csv")
    assert done.code == 1
    assert "runbook: wiki/slow-queries#orders.recent" in done.text
    rows = list(csv.reader((house.path / "perf.csv").read_text().splitlines()))
    assert rows == [["test", "budget", "verdict"], ["test_shop.py::test_recent", "orders.recent", "over"]]


def test_its_code_can_be_waived(house: Shop) -> None:
    waiver = '[[recent.waive]]\nrule = "ACME101"\nreason = "r"\nowner = "@o"\nuntil = 2999-01-01\n'
    house.write(**{"budgets/orders.toml": BUDGET + waiver})
    assert house.run(*HOUSE).code == 0
    without = house.run()
    assert without.code == 4
    assert "ACME101" in without.text
