"""Several accepted plans: recorded one beside the other, each held to its own figures."""

from __future__ import annotations

import json

from conftest import Shop

BESIDE = ("--perf-accept=alternative", "--perf-reason", "no index in the small installation")


def both(shop: Shop) -> str:
    """A baseline of the plan with the index and, beside it, of the plan without; the schema with the index."""
    shop.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 1\n"})
    shop.record()
    schema = (shop.path / "schema.sql").read_text()
    shop.lose_index()
    done = shop.run(*BESIDE)
    assert done.code == 0, done.text
    assert "alternative  orders.recent  test_shop.py::test_recent" in done.text
    assert "plans accepted 0 → 1" in done.text
    return schema


def test_each_plan_is_held_to_its_own_figures(shop: Shop) -> None:
    schema = both(shop)
    (query,) = json.loads(shop.baseline().read_text())["tests"]["test_shop.py::test_recent"]["queries"]
    (other,) = query["accepted"]
    assert other["reason"] == "no index in the small installation"
    assert other["work"]["buffers"] > query["work"]["buffers"]
    assert any("orders_customer_idx" in line for line in query["plans"][0]["tree"])
    assert not any("orders_customer_idx" in line for line in other["tree"])
    without = shop.run()
    assert (without.code, without.verdicts) == (0, {"test_recent": "same"}), without.text
    shop.write(**{"schema.sql": schema})
    assert shop.run().verdicts == {"test_recent": "same"}


def test_more_work_under_the_accepted_plan_fails(shop: Shop) -> None:
    both(shop)
    recorded = json.loads(shop.baseline().read_text())
    (query,) = recorded["tests"]["test_shop.py::test_recent"]["queries"]
    query["accepted"][0]["work"]["buffers"] = 30
    shop.baseline().write_text(json.dumps(recorded))
    done = shop.run()
    assert (done.code, done.verdicts) == (1, {"test_recent": "regressed"})
    assert done.codes == {"work.buffers"}


def test_a_third_plan_is_not_accepted(shop: Shop) -> None:
    both(shop)
    shop.append("schema.sql", "ALTER TABLE orders DROP CONSTRAINT orders_pkey;\n")
    done = shop.run()
    assert (done.code, done.verdicts) == (1, {"test_recent": "regressed"}), done.text


def test_it_needs_a_reason_and_can_be_seen_first(shop: Shop) -> None:
    shop.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 1\n"})
    shop.record()
    before = shop.baseline().read_bytes()
    shop.lose_index()
    refused = shop.run("--perf-accept=alternative")
    assert refused.code == 4
    assert "--perf-accept=alternative needs a reason" in refused.text
    assert shop.run(*BESIDE, "--perf-dry-run").code == 0
    assert shop.baseline().read_bytes() == before


def test_more_work_by_a_known_plan_is_no_alternative(shop: Shop) -> None:
    shop.write(**{"budgets/orders.toml": "[recent]\nqueries.max = 1\n"})
    shop.record()
    recorded = json.loads(shop.baseline().read_text())
    (query,) = recorded["tests"]["test_shop.py::test_recent"]["queries"]
    query["work"]["buffers"] = 5
    shop.baseline().write_text(json.dumps(recorded))
    done = shop.run(*BESIDE)
    assert (done.code, done.verdicts) == (1, {"test_recent": "regressed"})
