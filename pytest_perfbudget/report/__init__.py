"""Verdicts to a reader. Each reader is a function of the data of a run; none knows another."""

from pytest_perfbudget.report.json import JsonReporter
from pytest_perfbudget.report.reporter import Reporter

BUILTIN: tuple[Reporter, ...] = (JsonReporter(),)
"""What ``--perf-report=KIND:PATH`` can name without a plugin."""
