"""The text a failing test raises.

Which statement and where, which rule, measured and allowed, what changed, why, what to type next: in that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_perfbudget.model import Finding, QueryEvidence, Site, TestResult, Verdict
from pytest_perfbudget.report.lines import finding_lines, labelled, place
from pytest_perfbudget.report.next import next_lines
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_count

MOST = 5
"""Statements shown in full; the others are counted."""

Group = tuple[QueryEvidence | None, list[Finding]]


def failure(result: TestResult, site: str, width: int = 100, root: Path | None = None) -> str:
    """The findings worse than ``waived``, statement by statement.

    ``site`` is the test's ``file:line``; SQL is cut to ``width`` characters; paths below ``root`` are shown relative
    to it.
    """
    found = [_below(finding, root) for finding in result.findings if finding.verdict.rank < Verdict.WAIVED.rank]
    groups = _groups(result, found)
    first = next((finding.site for finding in found if finding.site), None)
    where = f"{site}  ({first})" if first else site
    lines = [f"perfbudget  {result.budget}  {result.verdict.upper()}   {where}"]
    for number, (query, findings) in enumerate(groups[:MOST]):
        lines += [""] if number else []
        lines += _group(query, findings, result, width, first)
    if len(groups) > MOST:
        lines += ["", f"  and findings on {len(groups) - MOST} more statements"]
    lines += _ending(result, found)
    return "\n".join(line.rstrip() for line in lines)


def _below(finding: Finding, root: Path | None) -> Finding:
    """The finding with the places of files beneath ``root`` relative to it."""
    if root is None:
        return finding
    at, site = finding.budget_at, finding.site
    return replace(
        finding,
        budget_at=replace(at, file=place(at.file, root)) if at else None,
        site=replace(site, file=place(site.file, root)) if site else None,
    )


def _groups(result: TestResult, found: list[Finding]) -> list[Group]:
    """Findings by the statement they are about, the worst first; among equals the whole test's."""
    queries = {query.key: query for query in result.evidence.queries} if result.evidence else {}
    groups: dict[str | None, list[Finding]] = {}
    for finding in found:
        key = None if _of_test(finding, len(queries)) or finding.query not in queries else finding.query
        groups.setdefault(key, []).append(finding)
    ordered = sorted(groups, key=lambda key: (min(f.verdict.rank for f in groups[key]), key is not None))
    return [(queries[key] if key else None, groups[key]) for key in ordered]


def _of_test(finding: Finding, statements: int) -> bool:
    """Limits of ``work`` and ``queries`` bound the sum of the test; of a single statement the sum is its own."""
    summed = finding.code.startswith("queries.") or (finding.code.startswith("work.") and finding.allowed is not None)
    return summed and statements != 1


def _group(
    query: QueryEvidence | None, findings: list[Finding], result: TestResult, width: int, shown: Site | None
) -> list[str]:
    title = _title(query, findings, result, width, shown)
    lines = [f"  {title}"] if title else []
    lines += [f"  {line}" for line in finding_lines(_merged(findings if query else _attributed(findings)))]
    for finding in findings:
        if finding.detail:
            indent = "  " if any(line[:1] in "+-" for line in finding.detail if line) else "    "
            lines += ["", *(indent + line for line in finding.detail)]
    return lines


def _title(
    query: QueryEvidence | None, findings: list[Finding], result: TestResult, width: int, shown: Site | None
) -> str:
    if query is None:
        queries = result.evidence.queries if result.evidence else ()
        if len(queries) < 2 or all(finding.measured is None for finding in findings):
            return ""
        count = sum(one.calls for one in queries)
        different = f", {len(queries)} different" if count != len(queries) else ""
        return f"the whole test, {format_count(count)} statements{different}"
    case = f"case {query.case}: " if query.case else ""
    site = next((finding.site for finding in findings if finding.site), None)
    elsewhere = f"   {site}" if site and site != shown else ""
    return case + one_line(query.sql, width) + elsewhere


def _attributed(findings: list[Finding]) -> list[Finding]:
    """A sum over several statements names the one with the largest share."""
    return [
        replace(one, note=one.note or f"most by {one.site}") if one.verdict is Verdict.OVER and one.site else one
        for one in findings
    ]


def _merged(findings: list[Finding]) -> list[Finding]:
    """The limit and the baseline of one figure share a line."""
    merged: dict[object, Finding] = {}
    for finding in findings:
        key = (finding.metric, finding.measured) if finding.metric else id(finding)
        known = merged.get(key)
        merged[key] = _joined(known, finding) if known else finding
    return list(merged.values())


def _joined(one: Finding, other: Finding) -> Finding:
    return replace(
        one,
        allowed=one.allowed if one.allowed is not None else other.allowed,
        baseline=one.baseline if one.baseline is not None else other.baseline,
        budget_at=one.budget_at or other.budget_at,
        note=one.note or other.note,
    )


def _ending(result: TestResult, found: Sequence[Finding]) -> list[str]:
    """Why, the way out, and the commands: each text once."""
    blocks = [
        *labelled("cause", dict.fromkeys(finding.cause for finding in found if finding.cause)),
        *labelled("fix", dict.fromkeys(finding.fix for finding in found if finding.fix)),
        *labelled("next", next_lines(result.nodeid, found, _against(result))),
    ]
    return ["", *(f"  {line}" for line in blocks)] if blocks else []


def _against(result: TestResult) -> str:
    """The commit that the statements were timed against, if any was."""
    queries = result.evidence.queries if result.evidence else ()
    return next((query.against.commit for query in queries if query.against), "")
