"""Two plans compared, for a reader and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_perfbudget.cli.facts import COUNTED, facts
from pytest_perfbudget.plans.account import ScanFacts
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.plans.fingerprint import mark
from pytest_perfbudget.report.tables import columns
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.plans import Comparison

_MARKS = {"-": "removed", "+": "added"}


def as_json(compared: Comparison) -> dict[str, Any]:
    """``edits`` are the nodes that went and came, from the top down; ``facts`` those of each plan."""
    old, new = compared.accounts
    return {
        "verdict": str(compared.verdict),
        "reasons": list(compared.reasons),
        "estimated": compared.estimated,
        "fingerprints": {"old": mark(compared.trees[0]), "new": mark(compared.trees[1])},
        "edits": [
            {"edit": _MARKS[line[0]], "node": " ".join(line[1:].split())}
            for line in diff(*compared.trees)
            if line[0] in _MARKS
        ],
        "facts": {"old": facts(old), "new": facts(new)},
    }


def as_text(compared: Comparison) -> str:
    """The verdict, the tree diff, then why, and what moved: in all and by scan."""
    moved = [*_totals(compared), *_scans(compared)]
    parts = [[str(compared.verdict), *diff(*compared.trees)], list(compared.reasons), columns(moved)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _totals(compared: Comparison) -> Iterator[list[str]]:
    for change in compared.changes:
        if change.old != change.new:
            rounded = "" if change.exact else "rounded per loop"
            yield [change.metric.removeprefix("work."), _arrow(change.old, change.new), rounded]


def _scans(compared: Comparison) -> Iterator[list[str]]:
    """By identifier, where the access or a counter is another; an index among equals is shown too."""
    old, new = compared.accounts
    for name in dict.fromkeys([*old.scans, *new.scans]):
        before, now = old.scans.get(name), new.scans.get(name)
        was, becomes = before.access if before else "nothing", now.access if now else "nothing"
        figures = ", ".join(_figures(before, now)) if before and now and not compared.estimated else ""
        if was != becomes or figures:
            yield [name, was if was == becomes else f"{was} → {becomes}", figures]


def _figures(old: ScanFacts, new: ScanFacts) -> Iterator[str]:
    for key in COUNTED:
        before, now = getattr(old, key), getattr(new, key)
        if before != now:
            rounded = " (rounded)" if key in {*old.inexact, *new.inexact} else ""
            yield f"{key} {_arrow(before, now)}{rounded}"


def _arrow(old: float, new: float) -> str:
    return f"{format_count(old)} → {format_count(new)}"
