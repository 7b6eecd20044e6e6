"""The page of a plan rule: what it finds, why that matters, an example, what to use instead, its options.

Without a code, the list of all rules.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from difflib import get_close_matches

from pytest_perfbudget.report.tables import columns
from pytest_perfbudget.rules import BUILTIN
from pytest_perfbudget.rules.base import Rule


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", nargs="?", help="such as PB201, or a rule's name")


def run(arguments: argparse.Namespace) -> int:
    if arguments.code is None:
        print("\n".join(columns([[rule.code, rule.name] for rule in BUILTIN])))
        return 0
    rule = _find(arguments.code)
    if rule is None:
        print(f"perfbudget rule: {_unknown(arguments.code)}", file=sys.stderr)
        return 2
    print(_page(rule))
    return 0


def _find(written: str) -> Rule | None:
    """By its code in any letter case, or by its name."""
    return next((rule for rule in BUILTIN if written.upper() == rule.code or written.lower() == rule.name), None)


def _page(rule: Rule) -> str:
    return f"{inspect.cleandoc(rule.page)}\n\nNeeds\n    {', '.join(sorted(rule.needs))}"


def _unknown(written: str) -> str:
    """The nearest by code and by name; all where none is near. Among codes, those with most digits in their place."""
    names = {rule.code: rule for rule in BUILTIN} | {rule.name: rule for rule in BUILTIN}
    codes = get_close_matches(written.upper(), [rule.code for rule in BUILTIN], n=len(BUILTIN))
    codes.sort(key=lambda code: sum(map(str.__ne__, code, written.upper())))
    near = [*codes, *get_close_matches(written.lower(), names)]
    found = dict.fromkeys(f"{names[name].code} {names[name].name}" for name in near[:3])
    return (
        f"there is no rule {written}; nearest: {', '.join(found)}"
        if found
        else (f"there is no rule {written}; all: {', '.join(rule.code for rule in BUILTIN)}")
    )
