"""A pytest plugin (``-p witness``): each reported phase of a test as a line of JSON in the file PERFBUDGET_WITNESS."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the controller hears of what workers report
        config.pluginmanager.register(Witness(Path(os.environ["PERFBUDGET_WITNESS"])))


class Witness:
    def __init__(self, path: Path) -> None:
        self._path = path

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        seen = {"test": report.nodeid, "phase": report.when, "outcome": report.outcome, "start": report.start}
        with self._path.open("a") as file:
            file.write(json.dumps(seen) + "\n")
