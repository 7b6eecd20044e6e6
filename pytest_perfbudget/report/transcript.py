"""What ``--perf-explain`` prints: the statements, call sites and plans of each test, without a verdict."""

from __future__ import annotations

from pytest_perfbudget.model import FETCHES, Fetched, Finding, QueryEvidence, Repetition, RunResult, TestResult
from pytest_perfbudget.units import format_count


def transcript(result: RunResult) -> list[str]:
    """The lines, test by test, in the order of their first execution."""
    return [line for test in result.tests for line in _test(test)]


def _test(test: TestResult) -> list[str]:
    if not test.evidence:
        return ["", f"{test.nodeid}   {test.budget}   {test.outcome}, nothing was seen"]
    lines = ["", f"{test.nodeid}   {test.budget}"]
    for number, query in enumerate(test.evidence.queries, 1):
        diffs = [finding for finding in test.findings if finding.query == query.key and finding.detail]
        lines += ["", *(f"  {line}".rstrip() for line in _query(number, query, diffs))]
    return lines


def _rules(query: QueryEvidence) -> list[str]:
    """What the rules find; then, together, those that cannot look and why."""
    heads = [(note, f"{note.code} {note.name}   {note.relation or ''}".rstrip()) for note in query.notes if note.judged]
    found = [f"     {head}   {note.message}" for note, head in heads]
    silent: dict[str, list[str]] = {}
    for note in query.notes:
        if not note.judged:
            silent.setdefault(note.message, []).append(note.code)
    missing = [f"     not judged: {', '.join(codes)}: {why}" for why, codes in silent.items()]
    return ["", "   rules", *found, *missing] if found or missing else []


def _fetched(fetched: Fetched) -> list[str]:
    """The rows that came to the application; nothing where none did."""
    if not fetched.rows:
        return []
    size = f", {format_count(fetched.size)} bytes" if fetched.size is not None else ""
    most = f", at most {format_count(fetched.largest)} at once" if fetched.largest < fetched.rows else ""
    how = " and ".join(FETCHES.get(one, one) for one in fetched.how)
    return [f"   fetched {format_count(fetched.rows)} rows{size}{most}, {how}"]


def _repeated(repetition: Repetition | None) -> list[str]:
    if repetition is None:
        return []
    parent = repetition.parent
    of = f" for the {format_count(parent.rows)} rows of {parent.site}" if parent else ""
    loads = f", loads {repetition.origin.relationship}" if repetition.origin else ""
    return [f"   repeated {format_count(repetition.n)} times at {repetition.site}{of}{loads}"]


def _query(number: int, query: QueryEvidence, diffs: list[Finding]) -> list[str]:
    calls = f"   {format_count(query.calls)} calls" if query.calls > 1 else ""
    case = f"   case {query.case}" if query.case else ""
    lines = [f"{number}  {query.sql}", f"   {', '.join(str(site) for site in query.sites)}{calls}{case}"]
    if query.work:
        lines.append(f"   buffers {format_count(query.work.buffers)}, rows {format_count(query.work.rows)}")
    lines += _fetched(query.fetched) + _repeated(query.repetition)
    for plan in query.plans:
        lines += ["", f"   plan {plan.fingerprint}, {format_count(plan.calls)} times, by {plan.source}"]
        lines += [f"     {line}" for line in plan.tree]
    if generic := query.generic:
        costs = f"estimated {format_count(generic.cost)}, custom plans {format_count(generic.custom_cost)} on average"
        taken = "taken" if generic.switches else "not taken"
        lines += ["", f"   generic plan {generic.plan.fingerprint}, {taken} at the sixth execution: {costs}"]
        lines += [f"     {line}" for line in generic.plan.tree]
    lines += _rules(query)
    for finding in diffs:
        lines += ["", "   against the baseline", *(f"   {line}" for line in finding.detail)]
    if query.why_unjudged:
        lines.append(f"   no plan: {query.why_unjudged}")
    return lines
