"""The example plugin, used as a company would: its reporter, its rule and its words."""

from __future__ import annotations

import csv
import textwrap
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


def test_its_step_of_the_seed_fills_the_database(house: Shop) -> None:
    steps = 'seed = ["schema.sql", { fixtures = "shop.json" }]'
    more = '{"orders": [{"id": 30001, "customer_id": 77, "status": "open", "total": 1}]}'
    test = """
        def test_row(perf):
            assert perf.run("select id from orders where id > 30000") == [(30001,)]
    """
    project = (house.path / "pyproject.toml").read_text().replace('seed = ["schema.sql"]', steps)
    house.write(**{"pyproject.toml": project, "shop.json": more, "test_row.py": textwrap.dedent(test)})
    assert house.run(*HOUSE, "test_row.py").code == 0
    without = house.run("test_row.py")
    assert without.code == 4
    assert "no seeder takes the step 'fixtures' of the seed" in without.text
