"""What a judgement is made of and how findings add up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from pytest_perfbudget.budgets.budget import Waiver
from pytest_perfbudget.model import Finding, Pair, Verdict, worst


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings of one test, worst first, and how each of its queries compares with its baseline."""

    findings: tuple[Finding, ...]
    pairs: tuple[Pair, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return worst([finding.verdict for finding in self.findings] + [pair.verdict for pair in self.pairs])


def fails(finding: Finding, *, ci: bool, strict: bool) -> bool:
    """The table of verdicts: which words fail a test, and where."""
    match finding.verdict:
        case Verdict.OVER | Verdict.REGRESSED:
            return True
        case Verdict.NEW | Verdict.INCOMPARABLE:
            return ci
        case Verdict.UNJUDGED:
            return strict
        case _:
            return False


def waive(finding: Finding, waivers: tuple[Waiver, ...], today: date) -> Finding:
    """The finding under its waiver; a waiver whose end date has passed covers nothing and the finding says so."""
    if finding.verdict not in (Verdict.OVER, Verdict.REGRESSED):
        return finding
    for waiver in waivers:
        if waiver.rule != finding.code:
            continue
        if waiver.expired(today):
            return replace(finding, note=f"the waiver at {waiver.at} ended on {waiver.until}")
        words = f"waived until {waiver.until} by {waiver.owner}: {waiver.reason}"
        return replace(finding, verdict=Verdict.WAIVED, note=words)
    return finding


def by_rank(findings: list[Finding]) -> tuple[Finding, ...]:
    """Worst first, otherwise in the order they were found."""
    return tuple(sorted(findings, key=lambda finding: finding.verdict.rank))
