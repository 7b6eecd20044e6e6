"""Every rule against ``cases/<code>.json``: plans of real servers that it finds, and near misses that it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import pytest_perfbudget.rules as rules
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.rules.base import Rule, check
from pytest_perfbudget.rules.subject import Subject

HERE = Path(__file__).parent
RECORDED = (HERE / "recorded", HERE.parent / "plans" / "recorded")
"""Where a case's plan may lie: what only rules need, and what all tests of plans share."""
CASES: list[tuple[str, str, dict[str, Any]]] = [
    (path.stem, kind, case)
    for path in sorted((HERE / "cases").glob("*.json"))
    for kind, cases in json.loads(path.read_text()).items()
    for case in cases
]
BY_CODE = {rule.code: rule for rule in rules.BUILTIN}


@pytest.mark.parametrize(("code", "kind", "case"), CASES, ids=[f"{c}-{k}-{case['plan']}" for c, k, case in CASES])
def test_case(code: str, kind: str, case: dict[str, Any]) -> None:
    plan = parse(_recorded(case["plan"]).read_text())
    hits = check(Subject(plan), [BY_CODE[code]], {code: case.get("thresholds", {})})
    found = [[hit.relation, hit.message] for hit in hits if hit.judged]
    assert found == case.get("hits", [])
    assert all(hit.judged for hit in hits) == (kind != "not judged")


def _recorded(name: str) -> Path:
    """The file of ``pg18/name``; one folder has it, so that a name says which plan is meant."""
    (path,) = (folder / f"{name}.json" for folder in RECORDED if (folder / f"{name}.json").exists())
    return path


@pytest.mark.parametrize("rule", rules.BUILTIN, ids=lambda rule: rule.code)
def test_every_rule_has_plans_that_fail_and_near_misses(rule: Rule) -> None:
    kinds = {kind for code, kind, _ in CASES if code == rule.code}
    assert {"fails", "passes"} <= kinds


@pytest.mark.parametrize("rule", rules.BUILTIN, ids=lambda rule: rule.code)
def test_every_rule_has_its_page(rule: Rule) -> None:
    assert rule.page.startswith(f"{rule.code} {rule.name}\n")
    for heading in ("What it finds", "Why it matters", "Example", "Use instead", "Options"):
        assert f"\n{heading}\n" in rule.page, heading
    options = rule.page.partition("\nOptions\n")[2]
    for name, value in rule.thresholds.items():
        assert re.search(rf"^    {name} .*\({value:,}\)", options, re.MULTILINE), name


def test_every_file_is_listed_and_codes_are_in_order() -> None:
    files = sorted(path.stem for path in Path(rules.__file__).parent.glob("pb*.py"))
    assert list(rules.MODULES) == files
    expected = [f"{rule.code.lower()}_{rule.name.replace('-', '_')}" for rule in rules.BUILTIN]
    assert expected == files
