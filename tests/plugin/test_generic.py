"""``plan.generic``: the plan of the sixth execution is judged, warned of and recorded."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import Shop, steady
from snapshots import matches

SNAPSHOTS = Path(__file__).with_name("snapshots")

SCHEMA = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, note text NOT NULL);
INSERT INTO orders SELECT i, i % 500, CASE WHEN i % 50 = 0 THEN 'open' ELSE 'done' END, 'note ' || i
FROM generate_series(1, 20000) i;
CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE INDEX orders_status_idx ON orders (status);
"""

BY_STATUS = """
import pytest

@pytest.mark.perf_budget("orders.recent")
def test_recent(perf):
    perf.run("SELECT note FROM orders WHERE status = %s", ["STATUS"])
"""

OPTIONAL = """
import pytest

SQL = "SELECT note FROM orders WHERE %(c)s::int IS NULL OR customer_id = %(c)s"

@pytest.mark.perf_budget("orders.recent")
def test_recent(perf):
    perf.run(SQL, {"c": 42})
"""


def project(shop: Shop, test: str, *lines: str) -> None:
    shop.write(
        **{
            "schema.sql": SCHEMA,
            "test_shop.py": test,
            "budgets/orders.toml": "\n".join(["[recent]", "plan.generic = true", *lines, ""]),
        }
    )


def test_a_switch_of_plan_is_told_once_and_recorded(shop: Shop) -> None:
    project(shop, BY_STATUS.replace("STATUS", "done"))
    done = shop.run()
    assert done.code == 0, done.text
    assert "plan.generic" in done.codes
    assert "the sixth execution of a prepared statement takes another plan, the generic one: estimated" in done.text
    assert shop.run("--perf-strict").code == 1
    shop.record()
    (query,) = json.loads(shop.baseline().read_text())["tests"]["test_shop.py::test_recent"]["queries"]
    assert query["generic"]["tree"] == ["Index Scan using orders_status_idx on orders   Index Cond: status = ?"]
    assert query["plans"][0]["tree"] == ["Seq Scan on orders   Filter: status = ?"]
    again = shop.run("--perf-strict")
    assert (again.code, again.verdicts) == (0, {"test_recent": "same"})


def test_the_generic_plan_is_recorded_for_a_statement_whose_baseline_has_none(shop: Shop) -> None:
    project(shop, BY_STATUS.replace("STATUS", "done"))
    shop.write(**{"budgets/orders.toml": "[recent]\n"})
    shop.record()
    project(shop, BY_STATUS.replace("STATUS", "done"))
    done = shop.run()
    assert (done.code, done.verdicts) == (0, {"test_recent": "unjudged"})
    matches(SNAPSHOTS / "generic_switch.txt", steady(failure(shop.run("--perf-strict").text)))
    assert "generic plan" in shop.record().text
    assert shop.run().verdicts == {"test_recent": "same"}


def failure(text: str) -> str:
    return text[text.index("perfbudget  orders.recent") : text.index("perfbudget: 0 of 1")]


def test_a_statement_that_keeps_its_custom_plans_says_nothing(shop: Shop) -> None:
    project(shop, BY_STATUS.replace("STATUS", "open"))
    assert shop.run().codes == {"baseline"}


def test_a_clause_that_the_generic_plan_breaks_is_over(shop: Shop) -> None:
    project(
        shop, OPTIONAL.replace('perf.run(SQL, {"c": None}, case="all")', ""), 'plan.forbid = ["Seq Scan on orders"]'
    )
    done = shop.run()
    assert (done.code, done.verdicts) == (1, {"test_recent": "over"})
    assert done.codes == {"plan.generic", "baseline"}
    assert "generic plan: Seq Scan on orders is in the plan and forbidden" in done.text
    (query,) = done.report["tests"][0]["queries"]
    assert query["generic"]["tree"] == ["Seq Scan on orders   Filter: (? IS NULL) OR (customer_id = ?)"]
    assert query["generic"]["cost"] > query["generic"]["custom_cost"]
    assert query["generic"]["switches"] is False


def test_the_hazard_rule_measures_both_plans(shop: Shop) -> None:
    """By the index on status, nearly all rows cost the index's own blocks besides those of the table."""
    project(shop, BY_STATUS.replace("STATUS", "done"), "plan.rules.PB503 = { ratio = 1.05, blocks = 10 }")
    done = shop.run()
    assert (done.code, done.verdicts) == (1, {"test_recent": "over"})
    assert "PB503 generic-plan-hazard   orders" in done.text
    project(shop, BY_STATUS.replace("STATUS", "done"), 'plan.rules.PB503 = "on"')
    assert shop.run().code == 0
    project(shop, BY_STATUS.replace("STATUS", "open"), "plan.rules.PB503 = { ratio = 1, blocks = 0 }")
    assert shop.run().codes == {"baseline"}


def test_a_statement_without_parameters_has_one_plan(shop: Shop) -> None:
    test = BY_STATUS.replace('status = %s", ["STATUS"]', "status = 'open'\"")
    project(shop, test, 'plan.rules.PB503 = "on"')
    done = shop.run()
    assert (done.code, done.codes) == (0, {"baseline"}), done.text
    assert done.report["tests"][0]["queries"][0]["generic"] is None


def test_explain_shows_both_estimates(shop: Shop) -> None:
    project(shop, BY_STATUS.replace("STATUS", "done"))
    text = shop.run("--perf-explain").text
    assert "taken at the sixth execution: estimated" in text
    assert "Index Scan using orders_status_idx on orders   Index Cond: status = ?" in text
