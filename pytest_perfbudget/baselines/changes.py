"""An update of one baseline: which of today's evidence may replace what was recorded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pytest_perfbudget.baselines import describe
from pytest_perfbudget.baselines.describe import Change
from pytest_perfbudget.baselines.record import (
    Baseline,
    QueryRecord,
    Recorded,
    TestRecord,
    accept,
    query_record,
    refresh,
)
from pytest_perfbudget.errors import BaselineError, SettingsError
from pytest_perfbudget.model import QueryEvidence, TestEvidence, Verdict

UPDATED = frozenset({"new", "better", "equivalent"})
"""The categories ``--perf-update`` records alone; ``worse``, ``alternative`` and ``unused`` have to be accepted."""

ALTERNATIVE = "alternative"
"""A plan recorded beside the one that is there, not instead of it."""

REASONED = frozenset({"worse", ALTERNATIVE})
"""What is recorded with a reason only."""

CATEGORY = {
    Verdict.OVER: "worse",
    Verdict.REGRESSED: "worse",
    Verdict.WAIVED: "worse",
    Verdict.NEW: "new",
    Verdict.INCOMPARABLE: "new",
    Verdict.UNJUDGED: "equivalent",
    Verdict.IMPROVED: "better",
    Verdict.EQUIVALENT: "equivalent",
    Verdict.SAME: "equivalent",
}

KEPT = frozenset({Verdict.SAME, Verdict.UNJUDGED})
"""Verdicts that keep the recorded figures."""


class Paired(Protocol):
    """A recorded query and the one that stands for it now, by their keys, and how they compare."""

    @property
    def old(self) -> str | None: ...
    @property
    def new(self) -> str | None: ...
    @property
    def verdict(self) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A test whose body ran to its end. ``verdict`` is that of the comparison with the baseline, the test's sums
    included; absolute limits say nothing about it."""

    evidence: TestEvidence
    pairs: Sequence[Paired]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Terms:
    """What an update may do.

    ``accept`` are categories besides ``UPDATED``; ``present`` the tests that exist, run or not; ``complete`` whether
    the run saw every test there is, without which nothing is ``unused``; ``differences`` why the recorded environment
    is another one, empty where it is not.
    """

    recorded: Recorded
    accept: Collection[str] = frozenset()
    present: Collection[str] = frozenset()
    complete: bool = False
    differences: Sequence[str] = ()

    def allows(self, category: str) -> bool:
        return category in UPDATED or category in self.accept


@dataclass(slots=True)
class _Test:
    """One test while it is being updated."""

    budget: str
    terms: Terms
    judged: Judged
    old: TestRecord
    changes: list[Change] = field(default_factory=list)
    measured: bool = False

    def update(self) -> TestRecord:
        """The record after the update: each query its own decision, the sums only when none was withheld."""
        recorded = {query.key: query for query in self.old.queries}
        fresh = {query.key: query for query in self.judged.evidence.queries}
        queries = [
            self._query(recorded.get(pair.old or ""), fresh.get(pair.new or ""), pair.verdict)
            for pair in self.judged.pairs
        ]
        sums = self._sums()
        return TestRecord(tuple(query for query in queries if query), sums)

    def _query(self, old: QueryRecord | None, fresh: QueryEvidence | None, verdict: Verdict) -> QueryRecord | None:
        if old and fresh and verdict is not Verdict.INCOMPARABLE and self._alternative(old, fresh):
            return self._beside(old, fresh)
        new = _renewed(old, fresh, verdict) if fresh else None
        if new == old:
            return old
        category = "new" if old is None else CATEGORY[verdict]
        lines = describe.added(new) if new and not old else describe.altered(old, new) if old and new else ()
        lines = lines or (describe.dropped(old) if old else ())
        if not self._change(category, new or old, lines):
            return old
        self.measured = self.measured or verdict not in KEPT
        return new

    def _alternative(self, old: QueryRecord, fresh: QueryEvidence) -> bool:
        return self.terms.allows(ALTERNATIVE) and not {plan.fingerprint for plan in fresh.plans} <= old.known

    def _beside(self, old: QueryRecord, fresh: QueryEvidence) -> QueryRecord:
        """Today's plans beside the recorded ones; the recorded figures stay."""
        new = accept(old, fresh, self.terms.recorded.reason)
        self._change(ALTERNATIVE, new, describe.accepted(old, new))
        return new

    def _sums(self) -> dict[str, float]:
        old, new = self.old.totals, self.judged.evidence.totals
        explained = any(change.category in REASONED for change in self.changes)
        if self.judged.verdict is Verdict.REGRESSED and not explained:
            self.measured = self._change("worse", None, ("sums of the test", *describe.totals(old, new)))
        moved = self.measured and all(change.recorded for change in self.changes) and not self._accepted_in_use()
        return dict(new) if moved or not old else old

    def _accepted_in_use(self) -> bool:
        """The sums are those of the recorded plans."""
        recorded = {query.key: query for query in self.old.queries}
        fresh = self.judged.evidence.queries
        return any(query.key in recorded and recorded[query.key].used(query) for query in fresh)

    def _change(self, category: str, query: QueryRecord | None, lines: tuple[str, ...]) -> bool:
        allowed = self.terms.allows(category)
        if allowed and category in REASONED and not self.terms.recorded.reason:
            raise SettingsError(
                f"{self.judged.evidence.test} is worse than its baseline, and {category} is recorded with a reason",
                remedy=f'pytest --perf-update --perf-accept={category} --perf-reason "why it is meant"',
            )
        test = self.judged.evidence.test
        self.changes.append(Change(category, self.budget, test, query.key if query else None, lines, allowed))
        return allowed


def changes(
    budget: str, old: Baseline | None, judged: Sequence[Judged], terms: Terms
) -> tuple[Baseline | None, tuple[Change, ...]]:
    """The baseline after the update (None: nothing is left to record) and every change, recorded or withheld.

    The very object ``old`` comes back where nothing is recorded, so that its file keeps its bytes. What is ``same``
    keeps the recorded figures: a drift within the margin does not add up over updates.

    Raises:
        SettingsError: ``worse`` is accepted without a reason.
        BaselineError: the environment is another one and some of the recorded tests did not run in it.
    """
    tests = dict(old.tests) if old else {}
    found = _unused(budget, tests, judged, terms)
    for change in found:
        if change.recorded:
            del tests[change.test]
    _refuse_mixture(budget, tests, judged, terms)
    if terms.differences and judged:
        found.append(Change("new", budget, "", None, ("recorded in another environment", *terms.differences)))
    for one in judged:
        test = _Test(budget, terms, one, tests.get(one.evidence.test, TestRecord()))
        tests[one.evidence.test] = test.update()
        found += test.changes
    if not any(change.recorded for change in found):
        return old, tuple(found)
    environment = judged[0].evidence.environment if judged else old.environment if old else None
    if not tests or environment is None:
        return None, tuple(found)
    return Baseline(budget, environment, tests, terms.recorded), tuple(found)


def _renewed(old: QueryRecord | None, fresh: QueryEvidence, verdict: Verdict) -> QueryRecord:
    """Today's record; of a query that is ``same`` only its text and place, where they are others."""
    new = query_record(fresh)
    if old is None:
        return new
    if verdict in KEPT:
        sql = old.sql if old.id == new.id else new.sql
        generic = new.generic or old.generic
        return replace(old, id=new.id, sql=sql, case=new.case, site=new.site or old.site, generic=generic)
    if verdict is Verdict.INCOMPARABLE:
        return new
    if used := old.used(fresh):
        return refresh(old, fresh, used)
    kept = tuple(one for one in old.accepted if one.fingerprint not in {plan.fingerprint for plan in new.plans})
    return replace(new, accepted=kept, generic=new.generic or old.generic)


def _unused(budget: str, tests: dict[str, TestRecord], judged: Sequence[Judged], terms: Terms) -> list[Change]:
    """Entries of tests that no longer exist. A test that did not run (skipped, crashed, deselected) does."""
    if not terms.complete:
        return []
    existing = {one.evidence.test for one in judged} | set(terms.present)
    return [
        Change("unused", budget, test, None, describe.unused(tests[test]), terms.allows("unused"))
        for test in sorted(tests.keys() - existing)
    ]


def _refuse_mixture(budget: str, tests: dict[str, TestRecord], judged: Sequence[Judged], terms: Terms) -> None:
    """One file has one environment: entries of two would make half of it a lie."""
    missing = sorted(tests.keys() - {one.evidence.test for one in judged})
    if not (terms.differences and judged and missing):
        return
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise BaselineError(
        f"{budget} was recorded in another environment, and {missing[0]}{others} did not run in this one",
        remedy="\n".join(
            [*terms.differences, "run every test of the budget: pytest --perf-update", _gone(missing[0])],
        ),
    )


def _gone(test: str) -> str:
    return f"or, if {test} no longer exists: pytest --perf-update --perf-accept=unused"
