"""The run as a whole: results in; problems, the update of baselines and what every reader gets out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from pytest_perfbudget.baselines.changes import Judged, Terms, changes
from pytest_perfbudget.baselines.record import Baseline, Recorded
from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.model import Environment, Problem, RunResult, TestEvidence, TestResult, Verdict, worst
from pytest_perfbudget.session.git import author, state
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.promises import Promises
from pytest_perfbudget.session.stored.record import record
from pytest_perfbudget.session.wire import decode
from pytest_perfbudget.verdict.environment import incomparable


class Run:
    """Lives in the one process that hears every report."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._started, self._clock = datetime.now(UTC).astimezone(), time.monotonic()
        self.tests: dict[str, str] = {}
        self._results: dict[str, TestResult] = {}

    def heard(self, nodeid: str, data: dict[str, Any], outcome: str, *, failed: bool) -> None:
        """A report of a marked test; ``data`` is what the process that ran it attached."""
        test, budget = data["test"], data["budget"]
        self.tests[test] = budget
        if data["result"]:
            self._results[test] = replace(decode(data["result"]), outcome=outcome)
        elif failed or outcome == "skipped":
            word = "failed" if failed else outcome
            self._results[test] = TestResult(test, budget, word, Verdict.UNJUDGED)

    def finish(self, promises: Promises, *, partial: str | None, crashed: bool) -> RunResult:
        """Judge the whole; write baselines, if that was asked for and nothing stands against it. ``partial`` is why not
        every test ran."""
        complete = not partial
        environment = next((r.evidence.environment for r in self._results.values() if r.evidence), None)
        problems = [*self._expired(promises), *self._unused(promises, complete)]
        lines: tuple[str, ...] = ()
        try:
            if environment:
                problems += self._unmatched(promises, environment)
                problems += self._orphans(promises, environment, complete)
            if self._options.update and environment:
                lines = self._update(promises, environment, complete=complete, crashed=crashed)
            loosened = promises.loosened(environment.major if environment else None)
        except PerfbudgetError as error:
            problems.append(Problem("baselines", error.what, error.at, error.remedy))
            loosened = ()
        try:
            timings = record(self._options, self._results.values(), self._at, partial=partial)
        except PerfbudgetError as error:
            problems.append(Problem("timings", error.what, error.at, error.remedy))
            timings = ()
        return RunResult(
            id=self._options.run_id,
            started=self._at,
            duration=round(time.monotonic() - self._clock, 3),
            complete=complete,
            tests=tuple(self._results[test] for test in sorted(self._results)),
            problems=tuple(problems),
            environment=environment,
            git=state(self._options.root) if self._options.reports else {},
            loosened=loosened,
            changes=lines,
            timings=timings,
        )

    @property
    def _at(self) -> str:
        return self._started.isoformat(timespec="seconds")

    def _expired(self, promises: Promises) -> Iterator[Problem]:
        for name in sorted(set(self.tests.values()) & promises.suite.budgets.keys()):
            for waiver in promises.suite.budgets[name].waivers:
                if waiver.expired(date.today()):
                    words = f"the waiver of {waiver.rule} for {name} ended on {waiver.until} ({waiver.owner})"
                    yield Problem("waiver", words, waiver.at, "mend what it waived, or agree on another end date")

    def _unused(self, promises: Promises, complete: bool) -> Iterator[Problem]:
        if not complete:
            return
        for name in sorted(promises.suite.budgets.keys() - set(self.tests.values())):
            at = promises.suite.budgets[name].at
            fix = f'mark a test with @pytest.mark.perf_budget("{name}"), or delete the budget'
            yield Problem("budget", f"no test uses budget {name}", at, fix)

    def _unmatched(self, promises: Promises, environment: Environment) -> Iterator[Problem]:
        """Narrowings that matched no statement, though every test known to use their budget ran."""
        for name in sorted(set(self.tests.values()) & promises.suite.budgets.keys()):
            results = {test: result for test, result in self._results.items() if self.tests[test] == name}
            baseline = promises.baseline(environment.major, name)
            known = self._known(name) | (baseline.tests.keys() if baseline else set())
            if any(test not in results or not results[test].evidence for test in known):
                continue
            seen = {
                word for r in results.values() if r.evidence for query in r.evidence.queries for word in query.names
            }
            for narrowed, budget in promises.suite.budgets[name].queries.items():
                if narrowed not in seen:
                    words = f"no test of {name} sent a statement from {narrowed}() or with /* perf: {narrowed} */"
                    yield Problem("query", words, budget.at, f"seen: {', '.join(sorted(seen)) or 'none'}")

    def _known(self, budget: str) -> set[str]:
        return {test for test, used in self.tests.items() if used == budget}

    def _orphans(self, promises: Promises, environment: Environment, complete: bool) -> Iterator[Problem]:
        """Entries whose test is gone. They are no problem in the run that prunes them."""
        if not complete or "unused" in self._options.accept:
            return
        for budget, baseline in sorted(promises.store.load_all(environment.major).items()):
            gone = sorted(test for test in baseline.tests if self.tests.get(test) != budget)
            if gone:
                words = f"the baseline of {budget} holds {len(gone)} tests that do not exist: {', '.join(gone)}"
                yield Problem("baseline", words, None, "pytest --perf-update --perf-accept=unused")

    def _update(
        self, promises: Promises, environment: Environment, *, complete: bool, crashed: bool
    ) -> tuple[str, ...]:
        """Every change as old → new; the files follow only after all of them could be computed."""
        if crashed:
            raise PerfbudgetError(
                "baselines were not updated: a worker crashed", remedy="run pytest --perf-update again"
            )
        old = promises.store.load_all(environment.major)
        names = sorted(set(self.tests.values()) | (old.keys() if complete else set()))
        renewed: dict[str, Baseline | None] = {}
        lines: list[str] = []
        for name in names:
            renewed[name], found = changes(
                name, old.get(name), self._judged(name), self._terms(name, old, environment, complete)
            )
            lines += [line for change in found for line in change.text()]
        if not self._options.dry_run:
            self._write(promises, old, renewed, environment.major)
        return tuple(lines)

    def _write(
        self, promises: Promises, old: dict[str, Baseline], renewed: dict[str, Baseline | None], major: int
    ) -> None:
        promises.store.write([new for name, new in renewed.items() if new and new is not old.get(name)])
        for name, new in renewed.items():
            if new is None and name in old:
                promises.store.delete(major, name)

    def _terms(self, name: str, old: dict[str, Baseline], environment: Environment, complete: bool) -> Terms:
        recorded = Recorded(self._at, author(self._options.root), self._options.reason)
        differences = incomparable(old[name].environment, environment) if name in old else ()
        present = {test for test, budget in self.tests.items() if budget == name}
        return Terms(recorded, self._options.accept, present, complete, differences)

    def _judged(self, name: str) -> list[Judged]:
        return [
            Judged(_recorded(result.evidence), result.pairs, _compared(result))
            for test, result in sorted(self._results.items())
            if self.tests[test] == name and result.evidence and result.evidence.queries
        ]


def _compared(result: TestResult) -> Verdict:
    """How the test compares with its baseline, absolute limits apart."""
    rose = any(f.verdict is Verdict.REGRESSED and f.baseline is not None for f in result.findings)
    return Verdict.REGRESSED if rose else worst([pair.verdict for pair in result.pairs])


def _recorded(evidence: TestEvidence) -> TestEvidence:
    """Without latencies: one machine's figures bind nobody else's."""
    return replace(evidence, queries=tuple(replace(query, latency=None) for query in evidence.queries))
