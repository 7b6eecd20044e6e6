"""Why a test got worse and what to type next: an index that is gone, and the proof that it was the one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_perfbudget.baselines.record import Baseline, QueryRecord
from pytest_perfbudget.model import Finding, QueryEvidence, Statement, TestEvidence, Verdict, Work
from pytest_perfbudget.plans.access import indexes_used
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.environment import explanations
from pytest_perfbudget.verdict.judgement import Judgement

Trial = Callable[[str, Statement], Work | None]
"""An index definition and a statement → the statement's work with that index."""


def explain(
    judgement: Judgement, evidence: TestEvidence, baseline: Baseline | None, trial: Trial
) -> tuple[Finding, ...]:
    """The findings; the first bad one of each query carries its cause and its fix, where they are known."""
    record = baseline.tests.get(evidence.test) if baseline else None
    if not baseline or not record:
        return judgement.findings
    old = {query.key: query for query in record.queries}
    now = {query.key: query for query in evidence.queries}
    partners = {pair.new: old[pair.old] for pair in judgement.pairs if pair.new and pair.old}
    lost = {
        name: words for name, words in baseline.environment.indexes.items() if name not in evidence.environment.indexes
    }
    general = "; ".join(explanations(baseline.environment, evidence.environment))
    findings: list[Finding] = []
    for finding in judgement.findings:
        bad = finding.verdict in (Verdict.OVER, Verdict.REGRESSED)
        first = bad and all(finding.query != earlier.query for earlier in findings)
        cause, fix = "", ""
        if first and finding.query and finding.query in partners:
            cause, fix = _lost_index(partners[finding.query], now[finding.query], lost, trial)
        findings.append(
            replace(finding, cause=cause or finding.cause or general, fix=fix or finding.fix) if first else finding
        )
    return tuple(findings)


def _lost_index(old: QueryRecord, now: QueryEvidence, lost: dict[str, str], trial: Trial) -> tuple[str, str]:
    """If the recorded plan used an index that is gone: that cause, and what bringing it back would give."""
    used = [name for plan in old.plans for name in sorted(indexes_used(plan.tree)) if name in lost]
    if not used:
        return "", ""
    definition = lost[used[0]]
    tried = trial(definition, now.executions[-1]) if now.executions and not now.writes else None
    proof = ""
    if tried and now.work:
        each = now.work.buffers // max(len(now.executions), 1)
        proof = f"     tried: buffers {format_count(each)} → {format_count(tried.buffers)}"
    return f"index {used[0]} is gone from the schema", f"{definition};{proof}"
