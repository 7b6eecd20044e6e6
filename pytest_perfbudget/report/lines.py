"""Findings as aligned lines: what was measured, what is allowed, what it was before, where the limit stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_perfbudget.model import Finding, Verdict
from pytest_perfbudget.units import format_measure

_RULE = re.compile(r"[A-Z]+\d+")

LEAST = (".hit_rate", ".min")
"""How the keys end whose figure must not be less; of any other it must not be more."""

FIGURES = (Verdict.OVER, Verdict.REGRESSED)
"""Verdicts whose finding is a figure against its limit; of the others the words count."""


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Words first, then the figures in columns."""
    words = [finding for finding in findings if not _is_figure(finding)]
    return [_words(finding) for finding in words] + _columns([f for f in findings if _is_figure(f)])


def labelled(label: str, texts: Iterable[str]) -> list[str]:
    """``cause  first line`` with every following line beneath the first."""
    lines = [line for text in texts for line in text.splitlines()]
    return [f"{label if not number else '':<7}{line}" for number, line in enumerate(lines)]


def place(file: str, root: Path) -> str:
    """The file relative to ``root`` where it is beneath it."""
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def label(finding: Finding) -> str:
    """The counter or quantile as the text calls it; ``queries.*`` keeps its prefix, ``max`` alone says nothing."""
    return (finding.metric or finding.code).removeprefix("work.").removeprefix("latency.")


def _is_figure(finding: Finding) -> bool:
    return finding.verdict in FIGURES and finding.measured is not None


def _words(finding: Finding) -> str:
    """``PB201 name …`` for a rule, ``plan.forbid   …`` for a key; that there is no baseline needs no code."""
    gap = " " if _RULE.fullmatch(finding.code) else "   "
    code = "" if finding.code == "baseline" else finding.code + gap
    verdict = "unjudged: " if finding.verdict is Verdict.UNJUDGED else ""
    message = finding.message.removeprefix(f"{finding.code}: ")  # the summary's lists need the key, this line has it
    cells = [f"{code}{verdict}{message}", finding.note, str(finding.budget_at or "")]
    return "   ".join(cell for cell in cells if cell)


def _columns(figures: Sequence[Finding]) -> list[str]:
    rows = [_cells(finding) for finding in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(6)] if rows else []
    return [_row(row, widths) for row in rows]


def _cells(finding: Finding) -> list[str]:
    """Label, measured, allowed, baseline, note, place of the limit. A note without a baseline stands in its column."""
    bound = "required" if finding.code.endswith(LEAST) else "allowed"
    allowed, baseline = (
        f"{word} {format_measure(value, finding.unit)}" if value is not None else ""
        for word, value in ((bound, finding.allowed), ("baseline", finding.baseline))
    )
    measured = format_measure(finding.measured or 0, finding.unit)
    after = [baseline, finding.note] if baseline else [finding.note, ""]
    return [label(finding), measured, allowed, *after, str(finding.budget_at or "")]


def _row(row: list[str], widths: list[int]) -> str:
    head = f"{row[0]:<{widths[0]}}   {row[1]:>{widths[1]}}"
    rest = [f"{cell:<{width}}" for cell, width in zip(row[2:], widths[2:], strict=True) if width]
    return "   ".join([head, *rest]).rstrip()
