"""One test: its budget, its evidence and its baseline → its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from pytest_perfbudget.baselines.record import Baseline, PlanRecord, QueryRecord, TestRecord
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.model import WORK_METRICS, Finding, Pair, QueryEvidence, TestEvidence, Verdict, Work
from pytest_perfbudget.plans.relations import Ancestors
from pytest_perfbudget.rules.base import Rule
from pytest_perfbudget.verdict.clauses import check_clauses
from pytest_perfbudget.verdict.compare import compare
from pytest_perfbudget.verdict.environment import incomparable
from pytest_perfbudget.verdict.figures import Trend, work_changes
from pytest_perfbudget.verdict.gather import site_of
from pytest_perfbudget.verdict.generic import check_generic
from pytest_perfbudget.verdict.judgement import Judgement, by_rank, waive
from pytest_perfbudget.verdict.limits import check_limits
from pytest_perfbudget.verdict.pairing import pair
from pytest_perfbudget.verdict.route import check_route
from pytest_perfbudget.verdict.rules import Records, check_rules, explaining
from pytest_perfbudget.verdict.unexplained import check_unexplained


@dataclass(frozen=True, slots=True)
class Bench:
    """What a judgement rests on besides the evidence: today's date, table sizes (pages), rules, the findings about what
    is not in the statements (times, pools, the plan cache), and what each partition is a part of.

    ``sole`` says that no other test uses the budget: a narrowing that matches nothing here matches nothing at all.
    """

    today: date
    pages: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    measured: tuple[Finding, ...] = ()
    ancestors: Ancestors = field(default_factory=dict)
    sole: bool = False


def judge(budget: Budget, evidence: TestEvidence, baseline: Baseline | None, bench: Bench) -> Judgement:
    """Absolute limits and clauses always; the comparison only against a baseline of a comparable environment."""
    records = recorded(evidence, baseline)
    absolute = _absolute(budget, evidence.queries, bench, records)
    absolute += [*bench.measured, *check_unexplained(budget, evidence.queries)]
    relative, pairs = _relative(budget, evidence, baseline, bench)
    findings = [waive(finding, budget.waivers, bench.today) for finding in absolute + relative]
    return Judgement(by_rank(findings), tuple(pairs))


def recorded(evidence: TestEvidence, baseline: Baseline | None) -> Records:
    """What each query of a test is judged against; nothing where the environments cannot be compared."""
    record = baseline.tests.get(evidence.test) if baseline else None
    if not baseline or not record or incomparable(baseline.environment, evidence.environment):
        return {}
    return {new.key: old for old, new in pair(record.queries, evidence.queries) if old and new}


def _absolute(budget: Budget, queries: Sequence[QueryEvidence], bench: Bench, records: Records) -> list[Finding]:
    findings = [*check_clauses(budget, queries, bench.pages, bench.ancestors), *check_limits(budget, queries)]
    findings += check_rules(budget, queries, bench.rules, records)
    findings += check_generic(budget, queries, bench.pages, bench.ancestors, records)
    findings += check_route(budget, queries)
    for name, narrowed in budget.queries.items():
        matched = [query for query in queries if name in query.names]
        if matched:
            findings += _absolute(narrowed, matched, bench, records)
        elif bench.sole:
            findings.append(_matched_none(name, narrowed, queries))
    return findings


def _matched_none(name: str, narrowed: Budget, queries: Sequence[QueryEvidence]) -> Finding:
    seen = sorted({known for query in queries for known in query.names})
    return Finding(
        code=f"query.{name}",
        verdict=Verdict.OVER,
        message=f"no statement was sent by {name}() or carries /* perf: {name} */; seen: {', '.join(seen) or 'none'}",
        budget_at=narrowed.at,
    )


def _relative(
    budget: Budget, evidence: TestEvidence, baseline: Baseline | None, bench: Bench
) -> tuple[list[Finding], list[Pair]]:
    record = baseline.tests.get(evidence.test) if baseline else None
    if not record and not evidence.queries:
        return [], []
    if not baseline or not record:
        words = "no baseline yet"
        return [Finding("baseline", Verdict.NEW, words)], [Pair(None, q.key, Verdict.NEW) for q in evidence.queries]
    differences = incomparable(baseline.environment, evidence.environment)
    if differences:
        finding = Finding("baseline", Verdict.INCOMPARABLE, "recorded in another environment", detail=differences)
        paired = pair(record.queries, evidence.queries)
        return [finding], [
            Pair(old.key if old else None, new.key if new else None, Verdict.INCOMPARABLE) for old, new in paired
        ]
    return _compared(budget, evidence, record, bench)


def _compared(
    budget: Budget, evidence: TestEvidence, record: TestRecord, bench: Bench
) -> tuple[list[Finding], list[Pair]]:
    findings: list[Finding] = []
    pairs: list[Pair] = []
    for old, new in pair(record.queries, evidence.queries):
        found = _compare_pair(old, new, budget, bench)
        findings += found
        judgement = Judgement(by_rank(found))
        pairs.append(Pair(old.key if old else None, new.key if new else None, judgement.verdict))
    if not any(finding.verdict is Verdict.REGRESSED for finding in findings):
        findings += _totals(budget, evidence, record)
    return findings, pairs


def _compare_pair(old: QueryRecord | None, new: QueryEvidence | None, budget: Budget, bench: Bench) -> list[Finding]:
    if old and new:
        return compare(reference(old, new), new, budget, explaining(budget, bench.rules))
    if new:
        words = "a statement without a baseline"
        return [Finding("baseline", Verdict.NEW, words, query=new.key, site=site_of(new))]
    return [Finding("baseline", Verdict.EQUIVALENT, f"no longer runs: {old.sql}")] if old else []


def reference(old: QueryRecord, new: QueryEvidence) -> QueryRecord:
    """What the query is held to: the recorded plans and their figures, or those of the accepted plan that it used."""
    used = old.used(new)
    if used is None or (used.work is None and old.work is not None):
        return old
    plan = PlanRecord(used.fingerprint, used.version, new.calls, used.tree)
    return replace(old, plans=(plan,), work=used.work, cost=used.cost)


def _totals(budget: Budget, evidence: TestEvidence, record: TestRecord) -> list[Finding]:
    """The sums of the test, compared even when every query by itself stayed within its margin."""
    if not all(f"work.{name}" in record.totals for name in WORK_METRICS) or any(
        q.work is None for q in evidence.queries
    ):
        return []
    old, new = (_sums(totals) for totals in (record.totals, evidence.totals))
    for was, now in pair(record.queries, evidence.queries):
        held = reference(was, now) if was and now else None
        if held and was and held.work and was.work:
            old = _plus(old, held.work, was.work)
    return [
        Finding(
            code=change.metric,
            verdict=Verdict.REGRESSED,
            message=f"{change.metric.removeprefix('work.')} of the whole test rose",
            metric=change.metric,
            measured=change.new,
            baseline=change.old,
            unit=change.metric.removeprefix("work."),
        )
        for change in work_changes(old, new, budget.regress)
        if change.trend is Trend.MORE
    ]


def _plus(total: Work, more: Work, less: Work) -> Work:
    """The sums of the test with one query's figures in place of others."""
    moved = {name: getattr(total, name) + getattr(more, name) - getattr(less, name) for name in WORK_METRICS}
    return replace(total, **moved)


def _sums(totals: Mapping[str, float]) -> Work:
    buffers, rows, removed, temp, wal, loops, fetches, spills = (int(totals[f"work.{name}"]) for name in WORK_METRICS)
    return Work(buffers, rows, removed, temp, wal, loops, fetches, spills)
