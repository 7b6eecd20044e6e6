"""What every floor talks about: statements, plans, work, findings, verdicts. No I/O, no driver."""

from pytest_perfbudget.model.catalogue import Catalogue, Index, IndexKey, Table
from pytest_perfbudget.model.evidence import (
    WORK_METRICS,
    Environment,
    Latency,
    PlanEvidence,
    QueryEvidence,
    Site,
    Statement,
    TestEvidence,
    Work,
)
from pytest_perfbudget.model.results import Finding, Pair, Problem, RunResult, TestResult, Verdict, worst

__all__ = [
    "WORK_METRICS",
    "Catalogue",
    "Environment",
    "Finding",
    "Index",
    "IndexKey",
    "Latency",
    "Pair",
    "PlanEvidence",
    "Problem",
    "QueryEvidence",
    "RunResult",
    "Site",
    "Statement",
    "Table",
    "TestEvidence",
    "TestResult",
    "Verdict",
    "Work",
    "worst",
]
