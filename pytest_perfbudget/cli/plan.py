"""Show one plan, or compare two.

One FILE: its normalised tree, exit 0 whatever it holds. Two: the verdict on the first line, the tree diff, the facts
that moved; exit 1 if the new plan is regressed. A FILE is what EXPLAIN (FORMAT JSON) or auto_explain wrote, as it is
or as psql printed it; with several statements, each is shown, or compared with its counterpart in order.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from pytest_perfbudget.cli.comparison import as_json, as_text
from pytest_perfbudget.cli.documents import STDIN, read_plans
from pytest_perfbudget.cli.facts import facts
from pytest_perfbudget.errors import PlanError
from pytest_perfbudget.model import Verdict, worst
from pytest_perfbudget.plans.account import account
from pytest_perfbudget.plans.fingerprint import VERSION, fingerprint
from pytest_perfbudget.plans.identifiers import identifiers
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.verdict.plans import Comparison, compare_plans


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a plan; - is standard input")
    parser.add_argument("other", metavar="FILE", nargs="?", help="the new plan; the first is then the old one")
    parser.add_argument(
        "--json", action="store_true", help="fingerprint, tree, facts, findings; or verdict, edits, facts"
    )
    parser.add_argument("--parallel", action="store_true", help="workers belong to the shape and to the fingerprint")


def run(arguments: argparse.Namespace) -> int:
    if arguments.other is None:
        return _show(read_plans(arguments.file), arguments)
    return _compare(arguments)


def _show(plans: tuple[Plan, ...], arguments: argparse.Namespace) -> int:
    if arguments.json:
        _print_json([_described(plan, arguments.parallel) for plan in plans])
    else:
        print("\n\n".join("\n".join(tree(plan)) for plan in plans))
    return 0


def _described(plan: Plan, parallel: bool) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint(plan, parallel=parallel),
        "version": VERSION,
        "tree": list(tree(plan)),
        "facts": facts(account(plan)),
        "findings": _findings(plan),
    }


def _findings(plan: Plan) -> list[dict[str, Any]]:
    from pytest_perfbudget.rules import BUILTIN
    from pytest_perfbudget.rules.base import check
    from pytest_perfbudget.rules.subject import Subject

    named = identifiers(plan)
    hits = check(Subject(plan, str(plan.document.get("Query Text", ""))), BUILTIN)
    return [
        {
            "code": hit.code,
            "name": hit.name,
            "judged": hit.judged,
            "scan": named.get(hit.node) if hit.node else None,
            "message": hit.message,
        }
        for hit in hits
    ]


def _compare(arguments: argparse.Namespace) -> int:
    if arguments.file == arguments.other == STDIN:
        raise PlanError("standard input can be one of the two plans, not both")
    old, new = read_plans(arguments.file), read_plans(arguments.other)
    if len(old) != len(new):
        raise PlanError(
            f"{arguments.file} holds {len(old)} plans and {arguments.other} {len(new)}: none to compare with"
        )
    pairs = zip(old, new, strict=True)
    compared = [compare_plans(before, after, parallel=arguments.parallel) for before, after in pairs]
    if arguments.json:
        _print_json([as_json(one) for one in compared])
    else:
        print(_text(compared))
    return int(any(one.verdict is Verdict.REGRESSED for one in compared))


def _text(compared: list[Comparison]) -> str:
    """The word of one comparison; of several the worst, then each with its own."""
    if len(compared) == 1:
        return as_text(compared[0])
    return "\n\n".join([worst([one.verdict for one in compared]), *map(as_text, compared)])


def _print_json(values: list[dict[str, Any]]) -> None:
    """One statement is an object, several are a list."""
    print(json.dumps(values[0] if len(values) == 1 else values, indent=1, ensure_ascii=False))
