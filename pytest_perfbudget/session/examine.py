"""One marked test, in the process that runs it: watch its statements, complete the evidence, judge, explain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from difflib import get_close_matches

from pytest_perfbudget.advice.explain import explain
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.errors import At, BudgetError
from pytest_perfbudget.model import Finding, Statement, TestEvidence, TestResult, Verdict
from pytest_perfbudget.model.resources import Benchmarked
from pytest_perfbudget.plans.names import quoted
from pytest_perfbudget.report.failure import failure
from pytest_perfbudget.report.junit import properties
from pytest_perfbudget.rules.subject import EVIDENCE
from pytest_perfbudget.session.against.compare import compare_times
from pytest_perfbudget.session.against.reference import Reference
from pytest_perfbudget.session.disturbed import disturbed
from pytest_perfbudget.session.growth.measure import measure_growth
from pytest_perfbudget.session.growth.scales import Scales
from pytest_perfbudget.session.load import measure_load
from pytest_perfbudget.session.neighbours import neighbours
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.parts import Parts
from pytest_perfbudget.session.peak import looking
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.session.probe import Needs, Prober
from pytest_perfbudget.session.promises import Promises
from pytest_perfbudget.session.recount import recount
from pytest_perfbudget.session.resources import Resources
from pytest_perfbudget.session.stored.compare import compare_with_runs
from pytest_perfbudget.session.stored.history import History
from pytest_perfbudget.session.timing import time_queries
from pytest_perfbudget.verdict.gather import gather
from pytest_perfbudget.verdict.judge import Bench, judge, recorded
from pytest_perfbudget.verdict.judgement import Judgement, fails
from pytest_perfbudget.verdict.rules import asked, asks_catalogue, noted, unexplained


class Examiner:
    """Holds the test under examination between ``prepare`` and ``examine``."""

    def __init__(
        self,
        place: Place,
        promises: Promises,
        options: Options,
        parts: Parts,
        reference: Reference | None = None,
        scales: Scales | None = None,
    ) -> None:
        self._place, self._promises, self._options, self._parts = place, promises, options, parts
        self._reference, self._scales, self._history = reference, scales, History(options)
        self._test = ""
        self._budget: Budget | None = None
        self._prober = Prober(place)
        self._statements: tuple[Statement, ...] = ()
        self._resources = Resources(
            place.hub,
            str(options.root),
            lambda: place.standby,
            lambda: looking(place),
            lambda: neighbours(place),
        )

    def prepare(self, test: str, budget: Budget) -> None:
        """A clean database, and the drivers watched, before the fixtures of the test connect.

        Raises:
            BudgetError: the budget speaks of a table the database does not have.
            ServerError, SeedError: there is no database.
        """
        self._test, self._budget = test, budget
        self._place.fresh(test)
        self._place.horizon.hold()
        self._place.drivers.watch()
        self._place.hub.measures = bool(self._options.explain or self._options.reports)
        self._check_tables(budget)
        self._resources.prepare(budget)
        if asks_catalogue(budget, self._parts.rules):
            self._prober.read_catalogue()
        if budget.capture == "test":
            self._place.hub.start()

    @contextmanager
    def watching(self, *, benchmarks: bool) -> Iterator[None]:
        """The body of the test runs: record its statements (after those of its fixtures, if they count), and the
        connections it uses. ``benchmarks`` says that a benchmark times a function in it."""
        assert self._budget is not None
        hub = self._place.hub
        if self._budget.capture == "call":
            hub.start()
        try:
            with self._resources.watching(self._budget, benchmarks=benchmarks):
                yield
        finally:
            self._statements = hub.stop()

    @contextmanager
    def of_nobody(self) -> Iterator[None]:
        """What a fixture of a wider scope sends counts for no test: it would for whichever came first."""
        with self._place.hub.mute():
            yield

    def release(self) -> None:
        """The test has ended, perhaps before its body."""
        self._place.hub.stop()
        self._place.settle()

    def examine(self, at: At, benchmarked: Benchmarked | None = None) -> tuple[TestResult, str]:
        """The result of the test that was watched, and the text it fails with (empty if it passes); ``benchmarked`` is
        what a benchmark in it measured."""
        assert self._budget is not None
        self._resources.look(self._budget, benchmarked)
        with self._place.hub.mute():
            evidence, judgement = self._judge(self._budget, benchmarked)
            findings = self._explained(judgement, evidence)
        failing = [f for f in findings if fails(f, ci=self._options.ci is not None, strict=self._options.strict)]
        failing = [f for f in failing if not self._recorded(f, evidence)]
        judged = not self._options.explain
        outcome = "failed" if failing and judged else "passed"
        verdict = Judgement(findings, judgement.pairs).verdict
        result = TestResult(self._test, self._budget.name, outcome, verdict, findings, evidence, judgement.pairs)
        text = failure(result, str(at), root=self._options.root) if failing and judged else ""
        return result, text

    def properties(self, result: TestResult) -> list[tuple[str, object]]:
        """What JUnit shows of a result."""
        return properties(result)

    def _judge(self, budget: Budget, benchmarked: Benchmarked | None) -> tuple[TestEvidence, Judgement]:
        self._place.hub.check()
        statements = self._place.completed(self._statements)
        facts = self._place.facts
        evidence = replace(gather(self._test, budget.name, statements, facts.environment), notes=facts.notes)
        if not evidence.queries and not budget.of_caches_alone:
            return evidence, Judgement((self._silent(budget),))
        evidence = self._prober.gather(evidence, self._asked(budget, evidence))
        baseline = self._promises.baseline(facts.environment.major, budget.name)
        used, resources = self._resources.findings(budget)
        bench = Bench(
            date.today(),
            facts.pages,
            self._parts.rules,
            resources,
            ancestors=facts.ancestors,
            sole=budget.name not in self._promises.suite.budgets,
        )
        judgement = judge(budget, evidence, baseline, bench)
        if again := recount(evidence, judgement, self._place):
            evidence = again
            judgement = judge(budget, evidence, baseline, bench)
        evidence, clocked = self._clocked(budget, replace(evidence, used=used), benchmarked)
        if needs := unexplained(budget, judgement, self._parts.rules):
            evidence = self._prober.gather(evidence, needs)
        if clocked or needs:
            judgement = judge(budget, evidence, baseline, replace(bench, measured=resources + clocked))
        if self._options.explain or self._options.reports:
            notes = noted(evidence.queries, self._parts.rules, recorded(evidence, baseline))
            evidence = replace(evidence, queries=notes)
        return evidence, judgement

    def _clocked(
        self, budget: Budget, evidence: TestEvidence, benchmarked: Benchmarked | None
    ) -> tuple[TestEvidence, tuple[Finding, ...]]:
        """The evidence with what only a clock or other sizes can say, and the findings about it."""
        why = disturbed(self._options.debugger)
        evidence, latency = time_queries(budget, evidence, self._place, why, benchmarked, self._resources.shared)
        evidence, load = measure_load(budget, evidence, self._place, why)
        if self._options.explain:
            return evidence, latency + load
        evidence, compared = compare_times(budget, evidence, self._place, self._reference, why)
        evidence, stored = compare_with_runs(budget, evidence, self._place, self._history, why)
        evidence, grown = measure_growth(budget, evidence, self._scales, self._options.debugger)
        return evidence, latency + load + compared + stored + grown

    def _asked(self, budget: Budget, evidence: TestEvidence) -> Needs:
        """What the budget's rules need to know of each query; who reads --perf-explain wants to hear every rule."""
        if self._options.explain:
            return dict.fromkeys((query.key for query in evidence.queries), tuple(EVIDENCE))
        return asked(budget, evidence.queries, self._parts.rules)

    def _explained(self, judgement: Judgement, evidence: TestEvidence) -> tuple[Finding, ...]:
        baseline = self._promises.baseline(evidence.environment.major, evidence.budget)
        findings = explain(judgement, evidence, baseline, self._place.try_index)
        return tuple(self._parts.finding(finding, evidence) for finding in findings)

    def _recorded(self, finding: Finding, evidence: TestEvidence) -> bool:
        """Under ``--perf-update`` a difference from the baseline is recorded at the end of the run, not failed."""
        if not self._options.update:
            return False
        if finding.verdict in (Verdict.NEW, Verdict.INCOMPARABLE):
            return True
        relative = finding.allowed is None and not finding.code.startswith(("plan.forbid", "plan.require", "query."))
        if not relative or finding.verdict is not Verdict.REGRESSED:
            return False
        return "worse" in self._options.accept or (
            "alternative" in self._options.accept and finding.query in self._with_other_plans(evidence)
        )

    def _with_other_plans(self, evidence: TestEvidence) -> set[str]:
        baseline = self._promises.baseline(evidence.environment.major, evidence.budget)
        records = recorded(evidence, baseline)
        plans = {query.key: {plan.fingerprint for plan in query.plans} for query in evidence.queries}
        return {key for key, record in records.items() if not plans[key] <= record.known}

    def _silent(self, budget: Budget) -> Finding:
        names = [driver.name for driver in self._parts.drivers if driver.available()]
        drivers = ", ".join([*names, *(witness.name for witness in self._place.hub.witnesses)])
        words = f"the test ran no statement on database {self._place.database} (watched: {drivers})"
        variables = " and ".join(self._options.env) or "a variable (env in [tool.perfbudget])"
        fix = f"connect to the DSN of perf_db, or to the one exported in {variables}, inside the test body"
        if not self._place.hub.witnesses:
            fix += "\nof an application in another process: server_log = true in [tool.perfbudget]"
        return Finding("queries", Verdict.OVER, words, budget_at=budget.at, fix=fix)

    def _check_tables(self, budget: Budget) -> None:
        known = self._place.facts.tables
        for table, at in budget.tables():
            if table not in known:
                near = get_close_matches(table, known, n=1)
                hint = f"did you mean {quoted(near[0]) if '.' not in near[0] else near[0]}? " if near else ""
                tables = ", ".join(sorted(quoted(name) for name in known if "." not in name)) or "none"
                raise BudgetError(f"table {table} does not exist", at=at, remedy=f"{hint}tables: {tables}")
        self._check_indexes(budget)

    def _check_indexes(self, budget: Budget) -> None:
        """An index may be gone, which is no mistake of the budget; one that differs by its letter case alone is."""
        known = self._place.facts.environment.indexes
        for index, at in budget.indexes():
            meant = next((name for name in known if name.lower() == index.lower()), None)
            if index not in known and meant:
                words = f"index {quoted(index)} does not exist"
                raise BudgetError(words, at=at, remedy=f"did you mean {quoted(meant)}? SQL's quotes keep capitals")
