from __future__ import annotations

import inspect

import pytest
from shell import perfbudget

from pytest_perfbudget.cli.rule import run
from pytest_perfbudget.rules import BUILTIN


def test_the_page_of_a_rule() -> None:
    done = perfbudget("rule", "PB201")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("PB201 sequential-scan\n\nWhat it finds\n")
    for title in ("Why it matters", "Example", "Use instead", "Options", "Needs"):
        assert f"\n{title}\n    " in done.stdout


@pytest.mark.parametrize("rule", BUILTIN, ids=lambda rule: rule.code)
def test_every_rule_has_a_page_by_code_and_by_name(rule: object, capsys: pytest.CaptureFixture[str]) -> None:
    from argparse import Namespace

    for written in (rule.code, rule.code.lower(), rule.name):  # type: ignore[attr-defined]
        assert run(Namespace(code=written)) == 0
        assert capsys.readouterr().out.startswith(inspect.cleandoc(rule.page))  # type: ignore[attr-defined]


def test_without_a_code_all_rules_are_listed() -> None:
    done = perfbudget("rule")
    assert done.returncode == 0
    assert [line.split() for line in done.stdout.splitlines()] == [[rule.code, rule.name] for rule in BUILTIN]


@pytest.mark.parametrize(
    ("written", "nearest"), [("PB2O1", "PB201 sequential-scan"), ("sequental-scan", "PB201 sequential-scan")]
)
def test_an_unknown_code_names_the_nearest(written: str, nearest: str) -> None:
    done = perfbudget("rule", written)
    assert (done.returncode, done.stdout) == (2, "")
    words, _, offered = done.stderr.rstrip().partition("; nearest: ")
    assert words.endswith(f"there is no rule {written}")
    assert nearest in offered.split(", ")[:2]
    assert done.stderr.count("\n") == 1


def test_where_none_is_near_all_are_named() -> None:
    done = perfbudget("rule", "zzz")
    assert done.returncode == 2
    assert all(rule.code in done.stderr for rule in BUILTIN)
