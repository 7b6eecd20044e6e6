"""Plan rules as users meet them: named in a budget they promise, otherwise they explain; never silent when asked."""

from __future__ import annotations

from pathlib import Path

from conftest import Shop, steady
from snapshots import matches

SNAPSHOTS = Path(__file__).with_name("snapshots")


def budget(shop: Shop, *lines: str) -> None:
    shop.write(**{"budgets/orders.toml": "\n".join(["[recent]", "queries.max = 1", *lines, ""])})


def failure(text: str) -> str:
    return steady(text[text.index("perfbudget  orders.recent") : text.index("perfbudget: 0 of 1")])


def test_a_rule_that_a_budget_names_fails_without_any_baseline(shop: Shop) -> None:
    budget(shop, 'plan.rules = { PB201 = "on", PB202 = { rows = 5_000 }, PB208 = "on", PB212 = "on" }')
    shop.lose_index()
    done = shop.run()
    assert (done.code, done.verdicts) == (1, {"test_recent": "over"})
    assert done.codes == {"PB202", "PB208", "baseline"}
    matches(SNAPSHOTS / "rules_named.txt", failure(done.text))


def test_its_options_and_its_waiver_decide(shop: Shop) -> None:
    shop.lose_index()
    budget(shop, "plan.rules.PB202 = { rows = 10_000 }")
    assert shop.run().code == 0
    waiver = '[[recent.waive]]\nrule = "PB202"\nreason = "r"\nowner = "o"\nuntil = 2999-01-01'
    budget(shop, "plan.rules.PB202 = { rows = 5_000 }", waiver)
    done = shop.run()
    assert (done.code, done.codes) == (0, {"PB202", "baseline"})
    budget(shop, "plan.rules.PB202 = { rows = 5_000 }", waiver.replace("2999", "2020"))
    assert shop.run().verdicts == {"test_recent": "over"}


def test_a_rule_that_lacks_its_evidence_is_unjudged_and_says_what_is_missing(shop: Shop) -> None:
    budget(shop, 'plan.rules.PB504 = "on"')
    shop.record()
    budget(shop, 'plan.rules.PB504 = "on"', 'plan.baseline = "off"')
    assert shop.run().verdicts == {"test_recent": "same"}
    shop.baseline().unlink()
    done = shop.run()
    assert (done.code, done.verdicts) == (0, {"test_recent": "new"})
    assert "lost-parallelism: no plan is recorded to compare with" in done.text
    assert shop.run("--perf-strict").code == 1


def test_a_temporary_table_that_is_gone_is_not_judged(shop: Shop) -> None:
    table = "CREATE TEMP TABLE picked AS SELECT * FROM orders LIMIT 5000"
    body = f"""
import os, psycopg, pytest

@pytest.mark.perf_budget("orders.recent")
def test_recent():
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute({table!r})
        connection.execute("SELECT * FROM picked JOIN orders USING (id)")
"""
    shop.write(**{"test_shop.py": body, "budgets/orders.toml": '[recent]\nplan.rules.PB502 = "on"\n'})
    done = shop.run()
    assert "picked is not in the catalogue, such as a temporary table that is gone" in done.text
    assert (done.code, shop.run("--perf-strict").code) == (0, 1)


def test_a_table_filled_by_the_test_was_never_analysed(shop: Shop) -> None:
    body = """
import os, psycopg, pytest

@pytest.mark.perf_budget("orders.recent")
def test_recent():
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE TABLE picked AS SELECT * FROM orders LIMIT 5000")
        connection.execute("SELECT * FROM picked JOIN orders USING (id)")
"""
    shop.write(**{"test_shop.py": body, "budgets/orders.toml": '[recent]\nplan.rules.PB502 = "on"\n'})
    done = shop.run()
    assert (done.code, done.verdicts) == (1, {"test_recent": "over"}), done.text
    assert "PB502 never-analyzed-table   picked   picked has" in done.text


def test_a_rule_that_is_off_explains_nothing(shop: Shop) -> None:
    budget(shop)
    shop.record()
    shop.lose_index()
    assert "PB208" in shop.run().codes
    budget(shop, 'plan.rules = { PB208 = "off" }')
    done = shop.run()
    assert done.code == 1
    assert "PB208" not in done.codes


def test_a_rule_for_some_statements(shop: Shop) -> None:
    shop.lose_index()
    shop.write(**{"budgets/orders.toml": '[recent.query.recent]\nplan.rules.PB208 = "on"\n'})
    assert shop.run().verdicts == {"test_recent": "over"}


def test_a_misspelt_rule_is_refused_before_any_test(shop: Shop) -> None:
    budget(shop, "plan.rules.PB203 = { row = 5 }")
    done = shop.run()
    assert done.code == 4
    assert "budgets/orders.toml:3: plan.rules.PB203 has an option row" in done.text
    assert "did you mean rows?" in done.text


def test_explain_and_the_report_say_what_every_rule_finds_or_lacks(shop: Shop) -> None:
    budget(shop)
    shop.lose_index()
    done = shop.run("--perf-explain")
    assert done.code == 0
    assert "PB208 unservable-condition   orders   no index can serve Filter: customer_id = ?" in done.text
    assert "not judged: PB504: no plan is recorded to compare with" in done.text
    (query,) = shop.run().report["tests"][0]["queries"]
    rules = {rule["code"]: rule for rule in query["rules"]}
    assert "PB201" not in rules
    assert (rules["PB208"]["judged"], rules["PB208"]["message"]) == (False, "the database's catalogue was not read")
