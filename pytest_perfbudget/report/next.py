"""What to type next, by verdict."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from pytest_perfbudget.model import Finding, Verdict

WIDEST = 72
"""Columns within which commands are aligned; what is longer stands out of line rather than push the others away."""

_CLAUSES = ("plan.forbid", "plan.require", "plan.generic", "growth")
_RULE = re.compile(r"[A-Z]+\d+")

PROMISED = ("plan.forbid", "plan.require", "query.", "queries", "growth")
"""Codes of what a budget says outright: no update of a baseline changes it."""


def next_lines(nodeid: str, found: Sequence[Finding], against: str = "") -> list[str]:
    """Commands, each with what it is for, aligned; the empty list where there is nothing to type. ``against`` is the
    commit that times were compared with."""
    steps = _steps(shlex.quote(nodeid), found, against)
    width = max((len(command) for command, _ in steps if len(command) <= WIDEST), default=0)
    return [f"{command:<{width}}   {purpose}" for command, purpose in steps]


def promised(finding: Finding) -> bool:
    """Whether the finding breaks the budget itself, rather than differing from the baseline."""
    return finding.allowed is not None or finding.code.startswith(PROMISED)


def _steps(nodeid: str, found: Sequence[Finding], against: str) -> list[tuple[str, str]]:
    verdicts = {finding.verdict for finding in found}
    broken = [f for f in found if f.verdict in (Verdict.OVER, Verdict.REGRESSED)]
    steps = []
    if any(f.query for f in broken):
        steps.append((f"pytest {nodeid} --perf-explain", "its statements and plans in full"))
    if against and any(f.code == "latency.regress" for f in broken):
        steps.append((f"pytest {nodeid} --perf-against={against[:10]}", "times it again"))
    if places := _limits(broken):
        steps.append((f"edit {places}", "if the budget is to allow it"))
    if any(f.verdict is Verdict.REGRESSED and not promised(f) for f in broken):
        command = f'pytest {nodeid} --perf-update --perf-accept=worse --perf-reason "…"'
        steps.append((command, "if it is meant"))
    if Verdict.INCOMPARABLE in verdicts:
        steps.append(("pytest --perf-update", "records every test of the budget in this environment"))
    elif Verdict.NEW in verdicts:
        steps.append((f"pytest {nodeid} --perf-update", "records the baseline; commit its file"))
    return steps


def _limits(broken: Sequence[Finding]) -> str:
    """Where the limits stand that could be raised, a file's lines together: ``a.toml:2,4 b.toml:7``."""
    places: dict[str, set[int]] = {}
    for finding in broken:
        promise = finding.code in _CLAUSES or bool(_RULE.fullmatch(finding.code))
        movable = finding.allowed is not None or promise
        if movable and finding.budget_at:
            places.setdefault(finding.budget_at.file, set()).add(finding.budget_at.line)
    return " ".join(f"{file}:{','.join(str(line) for line in sorted(lines))}" for file, lines in places.items())
