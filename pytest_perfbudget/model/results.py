"""What is said of a test and of a run: verdicts, findings, results."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pytest_perfbudget.errors import At
from pytest_perfbudget.model.evidence import Environment, TestEvidence
from pytest_perfbudget.sites import Site


class Verdict(StrEnum):
    """The words of the ladder, worst first; the worst finding of a test is the test's verdict."""

    OVER = "over"
    REGRESSED = "regressed"
    NEW = "new"
    INCOMPARABLE = "incomparable"
    UNJUDGED = "unjudged"
    WAIVED = "waived"
    IMPROVED = "improved"
    EQUIVALENT = "equivalent"
    SAME = "same"

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return list(Verdict).index(self)


def worst(verdicts: list[Verdict]) -> Verdict:
    """The verdict that stands for all of them; ``same`` when there is none."""
    return min(verdicts, key=lambda verdict: verdict.rank, default=Verdict.SAME)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a verdict. ``code`` is a rule (``PB201``) or a key (``work.buffers``); ``detail`` are lines shown
    beneath (a tree diff), ``cause`` and ``fix`` what the reader does next."""

    code: str
    verdict: Verdict
    message: str
    metric: str | None = None
    measured: float | None = None
    allowed: float | None = None
    baseline: float | None = None
    unit: str = ""
    query: str | None = None
    site: Site | None = None
    budget_at: At | None = None
    detail: tuple[str, ...] = ()
    note: str = ""
    cause: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the run as a whole, not with one test."""

    code: str
    message: str
    site: At | None = None
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A recorded query and the one that stands for it now, by their keys; None where there is no partner."""

    old: str | None
    new: str | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class TestResult:
    """What the run says of one marked test. ``outcome`` is pytest's: passed, failed, skipped or error.

    ``pairs`` say how each query compares with its baseline.
    """

    __test__ = False

    nodeid: str
    budget: str
    outcome: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    evidence: TestEvidence | None = None
    pairs: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run, as every reader (terminal, JSON, …) gets it.

    ``started`` is ISO 8601 with its offset, ``duration`` in seconds; ``git`` holds commit, branch and dirty where
    the project is a git checkout; ``loosened`` are the lines of ``--perf-baseline``; ``changes`` those an update
    recorded (or would record), each old → new; ``timings`` say what was recorded for ``latency.baseline``, or why not.
    """

    id: str
    started: str
    duration: float
    complete: bool
    tests: tuple[TestResult, ...]
    problems: tuple[Problem, ...] = ()
    environment: Environment | None = None
    git: dict[str, Any] = field(default_factory=dict)
    loosened: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    timings: tuple[str, ...] = ()
