"""A test's result as plain dicts and lists, so that it crosses from an xdist worker to the controller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from pytest_perfbudget.model import Probes, TestResult


def encode(result: TestResult) -> dict[str, Any]:
    """Everything but the executions and what was asked about them: only the worker can repeat those."""
    evidence = result.evidence
    if evidence:
        queries = tuple(replace(query, executions=(), probes=Probes()) for query in evidence.queries)
        result = replace(result, evidence=replace(evidence, queries=queries))
    built: dict[str, Any] = msgspec.to_builtins(result)
    return built


def decode(data: dict[str, Any]) -> TestResult:
    """The inverse of ``encode``."""
    return msgspec.convert(data, TestResult)
