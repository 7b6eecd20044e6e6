"""The one process that sees the whole run: collects results, writes baselines and reports, judges the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.model import Problem
from pytest_perfbudget.plugin import DESELECTED, LEFT_OUT
from pytest_perfbudget.plugin.complete import incomplete
from pytest_perfbudget.session.run import Run

if TYPE_CHECKING:
    from pytest_perfbudget.model import RunResult
    from pytest_perfbudget.plugin.state import State


class Controller:
    """Registered in a run without xdist that has a marked test, and in xdist's controller."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._run = Run(state.options)
        self._deselected = False
        self._crashed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = getattr(report, "perfbudget", None)
        if data:
            self._run.heard(report.nodeid, data, report.outcome, failed=report.failed)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self._crashed = self._crashed or bool(error)
        self._deselected = self._deselected or DESELECTED in getattr(node, "workeroutput", {})

    def finish(self, session: pytest.Session) -> RunResult | None:
        """Judge the run as a whole; each problem becomes a failed report of its own, so that pytest exits with 1."""
        if not self._run.tests:
            return None
        deselected = self._deselected or session.config.stash.get(LEFT_OUT, False)
        partial = incomplete(session, deselected=deselected, crashed=self._crashed)
        result = self._run.finish(self._state.promises, partial=partial, crashed=self._crashed)
        problems = [*result.problems, *self._write_reports(result)]
        for problem in problems:
            session.config.hook.pytest_runtest_logreport(report=_report(problem))
        return result

    def _write_reports(self, result: RunResult) -> list[Problem]:
        problems = []
        writers = {reporter.kind: reporter for reporter in self._state.parts.reporters}
        for kind, path in self._state.options.reports:
            try:
                writers[kind].write(result, path)
            except (OSError, PerfbudgetError) as error:
                problems.append(Problem("report", f"--perf-report={kind}:{path} could not be written: {error}"))
        return problems

    def summarise(self, result: RunResult, terminal: Any) -> None:
        from pytest_perfbudget.report.terminal import summary
        from pytest_perfbudget.report.transcript import transcript

        explain = self._state.options.explain
        for line in transcript(result) if explain else summary(result, terminal.verbosity):
            terminal.write_line(line)


def _report(problem: Problem) -> pytest.TestReport:
    nodeid = f"perfbudget::{problem.code}"
    lines = [f"perfbudget  {problem.site}: {problem.message}" if problem.site else f"perfbudget  {problem.message}"]
    return pytest.TestReport(
        nodeid=nodeid,
        location=("perfbudget", None, problem.code),
        keywords={},
        outcome="failed",
        longrepr="\n".join([*lines, *([f"  fix    {problem.fix}"] if problem.fix else [])]),
        when="call",
        duration=0.0,
        start=0.0,
        stop=0.0,
    )
