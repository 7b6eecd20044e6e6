"""What every floor talks about: statements, plans, work, findings, verdicts. No I/O, no driver."""

from pytest_perfbudget.model.against import Against, Seen
from pytest_perfbudget.model.catalogue import Catalogue, Index, IndexKey, Table
from pytest_perfbudget.model.evidence import (
    WORK_METRICS,
    Environment,
    Latency,
    QueryEvidence,
    Statement,
    TestEvidence,
    Work,
)
from pytest_perfbudget.model.fetched import FETCHES, Fetched
from pytest_perfbudget.model.plan_evidence import PlanEvidence
from pytest_perfbudget.model.probes import GenericEvidence, Probes, RuleNote
from pytest_perfbudget.model.repetition import Origin, Parent, Repetition
from pytest_perfbudget.model.results import Finding, Pair, Problem, RunResult, TestResult, Verdict, worst
from pytest_perfbudget.model.stored import Stored
from pytest_perfbudget.sites import Site

__all__ = [
    "FETCHES",
    "WORK_METRICS",
    "Against",
    "Catalogue",
    "Environment",
    "Fetched",
    "Finding",
    "GenericEvidence",
    "Index",
    "IndexKey",
    "Latency",
    "Origin",
    "Pair",
    "Parent",
    "PlanEvidence",
    "Probes",
    "Problem",
    "QueryEvidence",
    "Repetition",
    "RuleNote",
    "RunResult",
    "Seen",
    "Site",
    "Statement",
    "Stored",
    "Table",
    "TestEvidence",
    "TestResult",
    "Verdict",
    "Work",
    "worst",
]
