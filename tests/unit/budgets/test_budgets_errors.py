"""The exact words of every error a budget can meet.

``PERFBUDGET_SNAPSHOT=update pytest tests/unit/budgets`` writes the texts anew; read them before you commit them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from budget_files import CODES, suite, write
from budget_mistakes import MISTAKES
from snapshots import matches

from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.budgets.load import load
from pytest_perfbudget.errors import At, BudgetError

SNAPSHOTS = Path(__file__).parent / "snapshots"
MARKER = At("tests/test_orders.py", 12)


def check(name: str, text: str) -> None:
    matches(SNAPSHOTS / f"{name}.txt", text)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        suite(tmp_path, orders=MISTAKES[name])
    check(name, str(caught.value))
    assert "budgets/orders.toml:" in str(caught.value)


def test_a_pattern_that_does_not_parse(tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        suite(tmp_path, orders='[recent]\nplan.forbid = [\n  "Seq Scan on orders",\n  "Seq Skan on orders",\n]\n')
    assert caught.value.at == At("budgets/orders.toml", 4)
    assert caught.value.what == 'plan.forbid: "Seq Skan on orders" is not a pattern'
    assert len(caught.value.remedy.splitlines()) >= 2


def test_all_files_are_mended_in_one_go(tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        suite(tmp_path, items="[one\n", orders="[recent]\nwork.bufers = 1\nlatency.p95 = 5\n")
    check("several_files", str(caught.value))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("inline_unknown_key", {"work": {"bufers": 40}}),
        ("inline_wrong_types", {"plan": {"forbid": "Seq Scan on orders"}, "latency": {"p95": 5}}),
        ("inline_group_is_no_table", {"work": 40}),
        ("inline_impossible", {"queries": {"max": 3, "distinct": 5}}),
    ],
)
def test_a_mistake_in_a_marker(name: str, keys: dict[str, object]) -> None:
    with pytest.raises(BudgetError) as caught:
        inline(keys, MARKER, "inline.test_orders", CODES)
    check(name, str(caught.value))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("no_such_budget", "orders.resent"),
        ("no_such_table", "orders.dashboard"),
        ("no_such_file", "billing.invoices"),
        ("no_prefix", "recent"),
        ("names_the_suite", "orders.suite"),
    ],
)
def test_a_marker_that_names_no_budget(name: str, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(BudgetError) as caught:
        suite(tmp_path, orders="[suite]\n[recent]\n[search]\n", items="[list]\n").get(wanted, MARKER)
    check(name, str(caught.value))


def test_a_marker_before_there_is_a_folder(tmp_path: Path) -> None:
    empty = load(tmp_path / "budgets", tmp_path, CODES)
    assert not empty.budgets
    with pytest.raises(BudgetError) as caught:
        empty.get("orders.recent", MARKER)
    check("no_folder", str(caught.value))


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("file_with_a_dot", {"orders.v2.toml": "[recent]\n"}),
        ("file_called_inline", {"inline.toml": "[recent]\n"}),
        ("files_differ_in_letter_case", {"Orders.toml": "[recent]\n", "orders.toml": "[recent]\n"}),
    ],
)
def test_a_file_name_that_cannot_be_used(name: str, files: dict[str, str], tmp_path: Path) -> None:
    folder = write(tmp_path, files)
    if len(list(folder.iterdir())) < len(files):
        pytest.skip("the file system does not keep letter case apart")
    with pytest.raises(BudgetError) as caught:
        load(folder, tmp_path, CODES)
    check(name, str(caught.value))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (write(tmp_path, {}) / "orders.toml").mkdir()
    with pytest.raises(BudgetError) as caught:
        load(tmp_path / "budgets", tmp_path, CODES)
    check("file_unreadable", str(caught.value))


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "budgets").write_text("")
    with pytest.raises(BudgetError) as caught:
        load(tmp_path / "budgets", tmp_path, CODES)
    check("folder_unreadable", str(caught.value))


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (write(tmp_path, {}) / "orders.toml").write_bytes("[recent]\n# für\n".encode("latin-1"))
    with pytest.raises(BudgetError) as caught:
        load(tmp_path / "budgets", tmp_path, CODES)
    check("not_utf8", str(caught.value))


def test_no_snapshot_is_left_over() -> None:
    source = Path(__file__).read_text()
    orphans = [
        file.stem for file in SNAPSHOTS.iterdir() if file.stem not in MISTAKES and f'"{file.stem}"' not in source
    ]
    assert orphans == []
