"""Properties of a test in JUnit XML: few, flat, and the same names in every run."""

from __future__ import annotations

from pytest_perfbudget.model import WORK_METRICS, TestResult

PREFIX = "perfbudget."


def properties(result: TestResult) -> list[tuple[str, object]]:
    """For ``item.user_properties``: budget, verdict, the codes of what is not green, statements and counted work.

    ``work.*`` is left out where a statement was not counted: a sum without it would look like less work.
    """
    pairs: list[tuple[str, object]] = [("budget", result.budget), ("verdict", result.verdict.value)]
    if codes := dict.fromkeys(f.code for f in result.findings if f.verdict.rank <= result.verdict.WAIVED.rank):
        pairs.append(("findings", " ".join(codes)))
    if evidence := result.evidence:
        pairs.append(("queries", sum(query.calls for query in evidence.queries)))
        counted = [query.work for query in evidence.queries if query.work]
        if len(counted) == len(evidence.queries):
            pairs += [(f"work.{name}", sum(getattr(work, name) for work in counted)) for name in WORK_METRICS]
        if latencies := [query.latency.p95 for query in evidence.queries if query.latency]:
            pairs.append(("latency.p95_ms", round(max(latencies) * 1000, 3)))
    return [(PREFIX + name, value) for name, value in pairs]
