"""Budget files that are right: every key arrives, with the line it was written on."""

from __future__ import annotations

import os
import pickle
from datetime import date
from pathlib import Path

import pytest
from budget_files import CODES, suite, write

from pytest_perfbudget.budgets.budget import Limit, Regress, Waiver
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.budgets.load import load
from pytest_perfbudget.errors import At, BudgetError

FILE = "budgets/orders.toml"
ORDERS = """
    [suite]
    queries.max = 10
    plan.forbid = ["Seq Scan on items"]

    [recent]
    plan.forbid   = [
      "Seq Scan on orders",
      "Nested Loop",
    ]
    plan.require  = ["Index Access on orders"]
    plan.baseline = "exact"
    work.buffers  = 1_000
    work.cost     = 12.5
    work.regress  = { ratio = "25%", blocks = 16 }
    latency.p95   = "5 ms"
    latency.writes = true

    [recent.query.lines]
    work.buffers = 25
    plan.require = ["Index Access on lines"]

    [[recent.waive]]
    rule = "PB201"
    reason = "report runs nightly"
    owner = "@data"
    until = 2027-01-31

    [[recent.waive]]
    rule = "work.buffers"
    reason = "until the index is built"
    owner = "@data"
    until = "2027-02-28"

    [search]
    [search.queries]
    max = 3
"""
AT = At("tests/test_orders.py", 3)


def test_values_units_and_lines(tmp_path: Path) -> None:
    budget = suite(tmp_path, orders=ORDERS).get("orders.recent", AT)
    assert budget.at == At(FILE, 5)
    assert budget.limits == {
        "queries.max": Limit("queries.max", 10, "statements", "10", At(FILE, 2)),
        "work.buffers": Limit("work.buffers", 1000, "buffers", "1_000", At(FILE, 12)),
        "work.cost": Limit("work.cost", 12.5, "cost", "12.5", At(FILE, 13)),
        "latency.p95": Limit("latency.p95", 0.005, "s", "5 ms", At(FILE, 15)),
    }
    assert budget.plan_baseline == "exact"
    assert budget.regress == Regress(0.25, 16)
    assert budget.latency_writes is True


def test_each_pattern_has_its_own_line_and_replaces_the_default(tmp_path: Path) -> None:
    found = suite(tmp_path, orders=ORDERS)
    assert [(c.key, c.text, c.at.line) for c in found.budgets["orders.recent"].clauses] == [
        ("plan.forbid", "Seq Scan on orders", 7),
        ("plan.forbid", "Nested Loop", 8),
        ("plan.require", "Index Access on orders", 10),
    ]
    assert [(c.text, c.at.line) for c in found.budgets["orders.search"].clauses] == [("Seq Scan on items", 3)]


def test_a_query_narrows_with_its_own_limits_and_the_margin_of_its_budget(tmp_path: Path) -> None:
    lines = suite(tmp_path, orders=ORDERS).budgets["orders.recent"].queries["lines"]
    assert lines.name == "orders.recent.query.lines"
    assert lines.at == At(FILE, 18)
    assert {key: limit.value for key, limit in lines.limits.items()} == {"work.buffers": 25}
    assert [clause.text for clause in lines.clauses] == ["Index Access on lines"]
    assert (lines.plan_baseline, lines.regress, lines.latency_writes) == ("exact", Regress(0.25, 16), True)
    assert lines.waivers == ()


def test_rules_of_the_file_are_defaults_rule_by_rule(tmp_path: Path) -> None:
    text = """
        [suite]
        plan.rules = { PB201 = "on", PB202 = "off" }
        plan.generic = true

        [recent]
        plan.generic = false
        [recent.plan.rules]
        PB201 = { rows = 500 }
        PB203 = "on"
        [recent.query.lines.plan]
        rules.PB202 = "on"
        generic = true

        [search]
    """
    budgets = suite(tmp_path, orders=text).budgets
    recent, search = budgets["orders.recent"], budgets["orders.search"]
    assert {code: (one.on, dict(one.thresholds)) for code, one in recent.rules.items()} == {
        "PB201": (True, {"rows": 500}),
        "PB202": (False, {}),
        "PB203": (True, {}),
    }
    assert (recent.rules["PB203"].at.line, recent.rules["PB202"].at.line) == (9, 2)
    assert {code: one.on for code, one in search.rules.items()} == {"PB201": True, "PB202": False}
    assert (recent.plan_generic, search.plan_generic) == (None, At("budgets/orders.toml", 3))
    lines = recent.queries["lines"]
    assert ([*lines.rules], lines.plan_generic) == (["PB202"], At("budgets/orders.toml", 12))


def test_tables_of_all_clauses_with_their_places(tmp_path: Path) -> None:
    tables = suite(tmp_path, orders=ORDERS).budgets["orders.recent"].tables()
    assert tables == (("orders", At(FILE, 7)), ("orders", At(FILE, 10)), ("lines", At(FILE, 20)))


def test_waivers_hold_through_their_last_day(tmp_path: Path) -> None:
    first, second = suite(tmp_path, orders=ORDERS).budgets["orders.recent"].waivers
    assert first == Waiver("PB201", "report runs nightly", "@data", date(2027, 1, 31), At(FILE, 22))
    assert second.until == date(2027, 2, 28)
    assert not first.expired(date(2027, 1, 31))
    assert first.expired(date(2027, 2, 1))


def test_nested_and_dotted_spellings_mean_the_same(tmp_path: Path) -> None:
    dotted = "[recent]\nwork.buffers = 40\nquery.lines.work.rows = 3\n"
    nested = "[recent.work]\nbuffers = 40\n[recent.query.lines]\nwork = { rows = 3 }\n"
    one, two = (
        suite(tmp_path / str(n), orders=text).budgets["orders.recent"] for n, text in enumerate((dotted, nested))
    )
    assert one.limits["work.buffers"].value == two.limits["work.buffers"].value == 40
    assert one.queries["lines"].limits["work.rows"].at.line == 3
    assert two.queries["lines"].limits["work.rows"].at.line == 4


def test_a_marker_takes_the_same_keys() -> None:
    budget = inline(
        {
            "plan": {"forbid": ["Seq Scan on orders"], "baseline": "off"},
            "work": {"buffers": 40, "regress": "25%"},
            "latency": {"p50": "2 ms"},
            "query": {"lines": {"work": {"rows": 3}}},
            "waive": [{"rule": "PB201", "reason": "r", "owner": "o", "until": date(2027, 1, 31)}],
        },
        AT,
        "inline.test_orders",
        CODES,
    )
    assert (budget.name, budget.at, budget.plan_baseline) == ("inline.test_orders", AT, "off")
    assert budget.limits["work.buffers"] == Limit("work.buffers", 40, "buffers", "40", AT)
    assert budget.limits["latency.p50"] == Limit("latency.p50", 0.002, "s", "2 ms", AT)
    assert budget.regress == Regress(0.25, 8)
    assert budget.tables() == (("orders", AT),)
    assert budget.queries["lines"].limits["work.rows"].value == 3
    assert budget.waivers[0].at == AT


def test_only_toml_files_directly_in_the_folder_are_budgets(tmp_path: Path) -> None:
    folder = write(tmp_path, {"orders.toml": "[recent]\n", "README.md": "", ".#orders.toml": "<<<"})
    (folder / "baselines").mkdir()
    (folder / "baselines" / "x.toml").write_text("<<<")
    found = load(folder, tmp_path, CODES)
    assert (list(found.budgets), found.files, found.folder) == (["orders.recent"], (FILE,), "budgets")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    (write(tmp_path, {}) / "orders.toml").write_bytes(b"\xef\xbb\xbf[recent]\r\n\r\nwork.buffers = 40\r\n")
    assert load(tmp_path / "budgets", tmp_path).budgets["orders.recent"].limits["work.buffers"].at == At(FILE, 3)


def test_a_folder_outside_the_root_is_shown_in_full(tmp_path: Path) -> None:
    folder = write(tmp_path / "elsewhere", {"orders.toml": "[recent]\n"})
    assert load(folder, tmp_path / "project").files == ((folder / "orders.toml").as_posix(),)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    folder = write(tmp_path, {"orders.toml": "[recent]\n"})
    (folder / "orders.toml").chmod(0)
    with pytest.raises(BudgetError, match=r"budgets/orders.toml: cannot be read: Permission denied"):
        load(folder, tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    folder = write(tmp_path, {"orders.toml": "[recent]\n"})
    folder.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # root reads every folder
        with pytest.raises(BudgetError, match="budgets: the folder of budgets cannot be read: Permission denied"):
            load(folder, tmp_path)
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


def test_without_known_codes_any_code_of_ours_passes_and_nothing_else() -> None:
    def waive(rule: str) -> str:
        table = {"rule": rule, "reason": "r", "owner": "o", "until": date(2027, 1, 31)}
        return inline({"waive": [table]}, AT, "inline.x").waivers[0].rule

    assert waive("PB999") == "PB999"
    with pytest.raises(BudgetError, match='rule = "seq-scan" is neither a rule nor a key'):
        waive("seq-scan")


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [("p95", "50 ms", "50.1 ms"), ("p99", "9.9 ms", "10 ms")],
)
def test_the_largest_percentile_that_can_be_proven(key: str, good: str, bad: str) -> None:
    assert inline({"latency": {key: good}}, AT, "inline.x").limits[f"latency.{key}"].text == good
    with pytest.raises(BudgetError, match="cannot be proven in time"):
        inline({"latency": {key: bad}}, AT, "inline.x")


def test_equal_bounds_are_no_contradiction() -> None:
    keys = {"queries": {"max": 3, "distinct": 3}, "latency": {"p50": "5 ms", "p95": "5 ms", "p99": "5 ms"}}
    assert len(inline(keys, AT, "inline.x").limits) == 5


def test_errors_and_budgets_cross_processes(tmp_path: Path) -> None:
    found = suite(tmp_path, orders="[recent]\nwork.buffers = 40\n")
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(BudgetError) as caught:
        found.get("orders.resent", AT)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
