"""Every rule against ``cases/<code>.json``: plans of real servers that it finds, and near misses that it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rule_subjects import subject

import pytest_perfbudget.rules as rules
from pytest_perfbudget.rules.base import Rule, check

HERE = Path(__file__).parent
CASES: list[tuple[str, str, dict[str, Any]]] = [
    (path.stem, kind, case)
    for path in sorted((HERE / "cases").glob("*.json"))
    for kind, cases in json.loads(path.read_text()).items()
    for case in cases
]
BY_CODE = {rule.code: rule for rule in rules.BUILTIN}


@pytest.mark.parametrize(("code", "kind", "case"), CASES, ids=[f"{c}-{k}-{case['plan']}" for c, k, case in CASES])
def test_case(code: str, kind: str, case: dict[str, Any]) -> None:
    hits = check(subject(case), [BY_CODE[code]], {code: case.get("thresholds", {})})
    found = [[hit.relation, hit.message] for hit in hits if hit.judged]
    assert found == case.get("hits", [])
    assert all(hit.judged for hit in hits) == (kind != "not judged")


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
