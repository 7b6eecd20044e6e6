"""A query against its baseline: shape first, then work, then — where nothing was executed — the planner's estimate."""

from __future__ import annotations

from dataclasses import replace

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.model import Finding, QueryEvidence, Verdict
from pytest_perfbudget.plans.access import access_paths
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.plans.fingerprint import VERSION
from pytest_perfbudget.plans.recent import parsed
from pytest_perfbudget.plans.ties import Shape, shape
from pytest_perfbudget.rules.base import CRASH, Hit, Rule
from pytest_perfbudget.verdict.decide import decide, words, worse
from pytest_perfbudget.verdict.figures import Change, cost_changes, work_changes
from pytest_perfbudget.verdict.gather import site_of
from pytest_perfbudget.verdict.rules import fresh_hits


def compare(old: QueryRecord, new: QueryEvidence, budget: Budget, rules: tuple[Rule, ...]) -> list[Finding]:
    """The findings of one query; a single ``same`` when neither shape nor work moved."""
    if {*(plan.version for plan in old.plans), *(plan.version for plan in old.accepted)} - {VERSION}:
        return [_finding(new, "plan.baseline", Verdict.INCOMPARABLE, "recorded with another fingerprint version")]
    now, changes = _shape(old, new), _changes(old, new, budget)
    verdict = decide(now, changes, budget.plan_baseline)
    other = now is not Shape.SAME and budget.plan_baseline != "off"
    if verdict is Verdict.REGRESSED:
        return _regressed(old, new, worse(changes), other, rules)
    finding = _finding(new, "plan.baseline", verdict, words(verdict, now))
    return [replace(finding, detail=_diff(old, new) if other else ())]


def _shape(old: QueryRecord, new: QueryEvidence) -> Shape:
    """By the lines of the plans that are not known by their fingerprint."""
    trees = [*(plan.tree for plan in old.plans), *(plan.tree for plan in old.accepted)]
    return shape(trees, (plan.tree for plan in new.plans if plan.fingerprint not in old.known))


def _changes(old: QueryRecord, new: QueryEvidence, budget: Budget) -> tuple[Change, ...]:
    """Counted work where both sides have it, per call when the calls differ is not the question: sums are."""
    if old.work is not None and new.work is not None:
        return work_changes(old.work, new.work, budget.regress)
    return cost_changes(old.cost, new.cost, budget.regress)


def _regressed(
    old: QueryRecord, new: QueryEvidence, rises: list[Change], other: bool, rules: tuple[Rule, ...]
) -> list[Finding]:
    """The shape's finding (by the rule that explains it, if one does) and one for each figure that rose."""
    findings = []
    if other:
        detail = _diff(old, new)
        hits, silent = _new_hits(old, new, rules)
        findings += [_finding(new, hit.code, Verdict.UNJUDGED, hit.message) for hit in silent]
        for hit in hits:
            findings.append(replace(_finding(new, hit.code, Verdict.REGRESSED, _hit_words(hit, old)), detail=detail))
            detail = ()
        if not hits:
            why = "the plan differs from the baseline" + ("" if rises else ", and plan.baseline is exact")
            findings.append(replace(_finding(new, "plan.baseline", Verdict.REGRESSED, why), detail=detail))
    return findings + [_rise(new, change) for change in rises]


def _rise(query: QueryEvidence, change: Change) -> Finding:
    note = "planner's estimate, nothing was executed" if change.metric == "work.cost" else ""
    name = change.metric.removeprefix("work.")
    return Finding(
        code=change.metric,
        verdict=Verdict.REGRESSED,
        message=f"{name} rose",
        metric=change.metric,
        measured=change.new,
        baseline=change.old,
        unit=name,
        query=query.key,
        site=site_of(query),
        note=note,
    )


def _new_hits(old: QueryRecord, new: QueryEvidence, rules: tuple[Rule, ...]) -> tuple[list[Hit], list[Hit]]:
    """Rules that fire on a plan the baseline does not have, once per rule and relation; and those that crashed.

    A rule that lacks its evidence explains nothing here; that the statement was not counted is said by its own finding.
    """
    known = {plan.fingerprint for plan in old.plans}
    fresh = [plan.fingerprint for plan in new.plans if plan.fingerprint not in known]
    documents = (d for s in new.executions for d in s.plans) if fresh else ()
    hits = {(hit.code, hit.relation): hit for d in documents for hit in fresh_hits(parsed(d), new, old, rules)}
    return [hit for hit in hits.values() if hit.judged], [hit for hit in hits.values() if hit.code == CRASH]


def _hit_words(hit: Hit, old: QueryRecord) -> str:
    paths: dict[str, str] = {}
    for plan in old.plans:
        paths |= access_paths(plan.tree)
    was = paths.get(hit.relation or "")
    return f"{hit.name}   {hit.relation or ''}" + (f"   was {was}" if was else "")


def _diff(old: QueryRecord, new: QueryEvidence) -> tuple[str, ...]:
    """The first plan that is not in the baseline against the first recorded one that no longer appears."""
    known = {plan.fingerprint for plan in old.plans}
    now = {plan.fingerprint for plan in new.plans}
    after = next((plan.tree for plan in new.plans if plan.fingerprint not in known), ())
    before = next(
        (plan.tree for plan in old.plans if plan.fingerprint not in now), old.plans[0].tree if old.plans else ()
    )
    return diff(before, after)


def _finding(query: QueryEvidence, code: str, verdict: Verdict, words: str) -> Finding:
    return Finding(code=code, verdict=verdict, message=words, query=query.key, site=site_of(query))
