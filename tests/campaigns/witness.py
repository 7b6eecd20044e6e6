"""A pytest plugin (``-p witness``): each reported phase of a test as a line of JSON in the file PERFBUDGET_WITNESS."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # the controller hears of it too
    seen = {"test": report.nodeid, "phase": report.when, "outcome": report.outcome, "start": report.start}
    with Path(os.environ["PERFBUDGET_WITNESS"]).open("a") as file:
        file.write(json.dumps(seen) + "\n")
