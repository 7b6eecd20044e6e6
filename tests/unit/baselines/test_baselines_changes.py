"""An update: what may be recorded, what is withheld, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from baselines_data import ENVIRONMENT, LATER, RECORDED, SEQ_SCAN, Pair, baseline, evidence, query
from hypothesis import given
from hypothesis import strategies as st
from snapshots import matches

from pytest_perfbudget.baselines.changes import Judged, Terms, changes
from pytest_perfbudget.baselines.record import AcceptedRecord, Baseline, Recorded, record
from pytest_perfbudget.errors import BaselineError, SettingsError
from pytest_perfbudget.model import QueryEvidence, Site, TestEvidence, Verdict, Work

BUDGET = "orders.recent"
TERMS = Terms(LATER)
WORSE = Terms(replace(LATER, reason="a new report"), accept={"worse"})


def judged(new: TestEvidence, *verdicts: Verdict, overall: Verdict = Verdict.SAME) -> Judged:
    """Each query paired with the one of the same key."""
    keys = [one.key for one in new.queries]
    return Judged(new, [Pair(key, key, verdict) for key, verdict in zip(keys, verdicts, strict=True)], overall)


def one(verdict: Verdict, fresh: QueryEvidence, terms: Terms = TERMS):  # type: ignore[no-untyped-def]
    old = baseline(evidence(query()))
    after, found = changes(BUDGET, old, [judged(evidence(fresh), verdict, overall=verdict)], terms)
    assert after is not None
    return old, after, found, after.tests["tests/test_a.py::test_recent"]


def test_a_new_test_is_recorded() -> None:
    fresh = evidence(query())
    after, found = changes(BUDGET, None, [Judged(fresh, [Pair(None, "a" * 12, Verdict.NEW)], Verdict.NEW)], TERMS)

    assert after == baseline(fresh, recorded=LATER)
    assert [(change.category, change.query, change.recorded) for change in found] == [("new", "a" * 12, True)]


def test_what_is_the_same_keeps_its_bytes_and_its_date() -> None:
    old, after, found, _ = one(Verdict.SAME, query(buffers=25, cost=9.0))

    assert after is old
    assert found == ()


def test_an_edited_text_with_the_same_plan_is_recorded_without_its_drift() -> None:
    old = baseline(evidence(query()))
    fresh = evidence(query(id="b" * 12, sql="SELECT id FROM orders", buffers=25))
    pairs = [Pair("a" * 12, "b" * 12, Verdict.SAME)]
    after, found = changes(BUDGET, old, [Judged(fresh, pairs, Verdict.SAME)], TERMS)

    assert after is not None
    entry = after.tests[fresh.test]
    assert (entry.queries[0].id, entry.queries[0].sql) == ("b" * 12, "SELECT id FROM orders")
    assert entry.queries[0].work == record(evidence(query())).queries[0].work
    assert entry.totals == old.tests[fresh.test].totals
    assert [change.category for change in found] == ["equivalent"]


def test_a_moved_call_site_is_equivalent() -> None:
    _, after, found, entry = one(Verdict.SAME, query(sites=(Site("app/new.py", 3, "recent"),)))

    assert entry.queries[0].site == "app/new.py:recent"
    assert found[0].lines[1:] == ("site app/orders.py:recent → app/new.py:recent",)
    assert after.recorded == LATER


@pytest.mark.parametrize(("verdict", "category"), [(Verdict.IMPROVED, "better"), (Verdict.EQUIVALENT, "equivalent")])
def test_better_and_equivalent_are_recorded_without_asking(verdict: Verdict, category: str) -> None:
    _, after, found, entry = one(verdict, query(buffers=8))

    assert [change.category for change in found] == [category]
    assert entry.queries[0].work is not None
    assert entry.queries[0].work.buffers == 8
    assert entry.totals["work.buffers"] == 8
    assert after.recorded == LATER


def test_worse_is_shown_and_withheld() -> None:
    old, after, found, _ = one(Verdict.REGRESSED, query(buffers=2170, tree=SEQ_SCAN))

    assert after is old
    assert [(change.category, change.recorded) for change in found] == [("worse", False)]
    assert "not recorded without --perf-accept=worse" in found[0].text()[0]


def test_worse_is_recorded_with_its_reason() -> None:
    _, after, _, entry = one(Verdict.REGRESSED, query(buffers=2170), WORSE)

    assert after.recorded.reason == "a new report"
    assert entry.queries[0].work is not None
    assert entry.queries[0].work.buffers == 2170


def test_worse_without_a_reason_is_refused() -> None:
    with pytest.raises(SettingsError, match="--perf-reason"):
        one(Verdict.REGRESSED, query(buffers=2170), Terms(RECORDED, accept={"worse"}))


def test_a_reason_is_asked_for_only_where_something_is_worse() -> None:
    one(Verdict.IMPROVED, query(buffers=1), Terms(RECORDED, accept={"worse"}))


def test_beside_a_withheld_query_the_better_one_is_recorded_and_the_sums_are_not() -> None:
    old = baseline(evidence(query(), query(id="b" * 12)))
    fresh = evidence(query(buffers=5), query(id="b" * 12, buffers=900))
    after, _ = changes(BUDGET, old, [judged(fresh, Verdict.IMPROVED, Verdict.REGRESSED)], TERMS)

    assert after is not None
    entry = after.tests[fresh.test]
    assert [one.work.buffers for one in entry.queries if one.work] == [5, 23]
    assert entry.totals == old.tests[fresh.test].totals


@pytest.mark.parametrize("terms", [TERMS, WORSE], ids=["withheld", "accepted"])
def test_sums_that_rose_alone_are_worse(terms: Terms) -> None:
    old = baseline(evidence(query()))
    fresh = evidence(query(sites=(Site("moved.py", 1, "f"),)), totals={"work.buffers": 90.0, "queries.max": 1.0})
    after, found = changes(BUDGET, old, [judged(fresh, Verdict.SAME, overall=Verdict.REGRESSED)], terms)

    assert after is not None
    assert [change.category for change in found] == ["equivalent", "worse"]
    assert found[1].lines == ("sums of the test", "work.buffers 23 → 90")
    assert after.tests[fresh.test].totals["work.buffers"] == (90 if terms is WORSE else 23)


def test_a_statement_that_no_longer_runs_leaves() -> None:
    old = baseline(evidence(query(), query(id="b" * 12)))
    fresh = evidence(query())
    pairs = [Pair("a" * 12, "a" * 12, Verdict.SAME), Pair("b" * 12, None, Verdict.EQUIVALENT)]
    after, found = changes(BUDGET, old, [Judged(fresh, pairs, Verdict.EQUIVALENT)], TERMS)

    assert after is not None
    assert after.tests[fresh.test] == record(fresh)
    assert found[0].lines[1] == "buffers 23, rows 20 → no longer runs"


OTHER = AcceptedRecord("other", 1, SEQ_SCAN, "few rows")
TEST = "tests/test_a.py::test_recent"


def with_accepted(*accepted: AcceptedRecord) -> Baseline:
    old = baseline(evidence(query()))
    entry = old.tests[TEST]
    return replace(old, tests={TEST: replace(entry, queries=(replace(entry.queries[0], accepted=accepted),))})


def test_accepted_plans_stay_accepted() -> None:
    after, _ = changes(BUDGET, with_accepted(OTHER), [judged(evidence(query(buffers=2)), Verdict.IMPROVED)], TERMS)

    assert after is not None
    assert after.tests[TEST].queries[0].accepted == (OTHER,)


def test_an_alternative_stands_beside_the_recorded_plan_with_its_figures_and_its_reason() -> None:
    old, fresh = with_accepted(OTHER), evidence(query(tree=SEQ_SCAN, buffers=900))
    terms = replace(TERMS, accept={"alternative"}, recorded=Recorded("now", "Ada", "half of the table"))
    after, found = changes(BUDGET, old, [judged(fresh, Verdict.REGRESSED)], terms)

    assert after is not None
    (kept,) = after.tests[TEST].queries
    assert (kept.plans, kept.work) == (old.tests[TEST].queries[0].plans, old.tests[TEST].queries[0].work)
    assert after.tests[TEST].totals == old.tests[TEST].totals
    other, added = kept.accepted
    assert other == OTHER
    assert (added.fingerprint, added.reason, added.tree) == ("seq", "half of the table", SEQ_SCAN)
    assert added.work is not None
    assert added.work.buffers == 900
    assert [(change.category, change.recorded) for change in found] == [("alternative", True)]
    assert "plans accepted 1 → 2" in found[0].lines


def test_an_alternative_needs_its_reason_and_is_not_taken_for_what_is_known() -> None:
    fresh = evidence(query(tree=SEQ_SCAN, buffers=900))
    with pytest.raises(SettingsError, match="alternative is recorded with a reason"):
        changes(BUDGET, with_accepted(), [judged(fresh, Verdict.REGRESSED)], replace(TERMS, accept={"alternative"}))
    known = with_accepted(replace(OTHER, fingerprint="seq", work=Work(buffers=900)))
    terms = replace(TERMS, accept={"alternative"})
    assert changes(BUDGET, known, [judged(fresh, Verdict.SAME)], terms) == (known, ())


def test_less_work_under_an_accepted_plan_renews_its_figures_and_nothing_else() -> None:
    old = with_accepted(replace(OTHER, fingerprint="seq", work=Work(buffers=900)))
    after, _ = changes(BUDGET, old, [judged(evidence(query(tree=SEQ_SCAN, buffers=500)), Verdict.IMPROVED)], TERMS)

    assert after is not None
    (kept,) = after.tests[TEST].queries
    assert kept.accepted[0].work is not None
    assert kept.accepted[0].work.buffers == 500
    assert replace(kept, accepted=()) == replace(old.tests[TEST].queries[0], accepted=())
    assert after.tests[TEST].totals == old.tests[TEST].totals


OTHERS = st.sets(st.sampled_from([f"tests/test_a.py::test_{name}" for name in "abcdef"]))
ACCEPT = st.sets(st.sampled_from(["worse", "unused"]))


@given(recorded=OTHERS, ran=OTHERS, present=OTHERS, accept=ACCEPT, complete=st.booleans())
def test_only_unused_prunes_and_only_what_does_not_exist(
    recorded: set[str], ran: set[str], present: set[str], accept: set[str], complete: bool
) -> None:
    old = baseline(*(evidence(query(), test=test) for test in sorted(recorded)))
    results = []
    for test in sorted(ran):
        fresh = evidence(query(buffers=900), test=test)
        first = Judged(fresh, [Pair(None, "a" * 12, Verdict.NEW)], Verdict.NEW)
        results.append(judged(fresh, Verdict.REGRESSED) if test in recorded else first)
    terms = Terms(replace(LATER, reason="x"), accept, present, complete)
    after, _ = changes(BUDGET, old, results, terms)
    kept = after.tests if after else {}

    gone = recorded - ran - present if complete and "unused" in accept else set()
    assert set(kept) == (recorded | ran) - gone
    for test in set(kept) - ran:
        assert kept[test] == old.tests[test]


def test_a_baseline_of_which_nothing_is_left_is_none() -> None:
    old = baseline(evidence(query()))

    assert changes(BUDGET, old, [], Terms(LATER, {"unused"}, complete=True))[0] is None
    assert changes(BUDGET, old, [], Terms(LATER, {"unused"}, complete=False))[0] is old


def test_another_environment_is_recorded_for_the_whole_file() -> None:
    old = baseline(evidence(query()))
    fresh = evidence(query(), environment=replace(ENVIRONMENT, profile="production"))
    terms = Terms(LATER, differences=("profile: deterministic → production",))
    after, found = changes(BUDGET, old, [judged(fresh, Verdict.INCOMPARABLE)], terms)

    assert after is not None
    assert after.environment.profile == "production"
    assert found[0].text() == [
        "new         orders.recent",
        "    recorded in another environment",
        "    profile: deterministic → production",
    ]


def test_one_file_never_mixes_two_environments() -> None:
    old = baseline(evidence(query()), evidence(query(), test="tests/test_a.py::test_other"))
    fresh = evidence(query(), environment=replace(ENVIRONMENT, profile="production"))
    terms = Terms(LATER, differences=("profile: deterministic → production",))

    with pytest.raises(BaselineError) as caught:
        changes(BUDGET, old, [judged(fresh, Verdict.INCOMPARABLE)], terms)

    assert "test_other did not run" in caught.value.what
    assert "--perf-accept=unused" in caught.value.remedy


def test_the_words_of_an_update() -> None:
    old = baseline(
        evidence(query(), query(id="b" * 12, sql="SELECT 1"), query(id="c" * 12, sql="DELETE FROM carts", work=None)),
        evidence(query(), test="tests/test_a.py::test_gone"),
    )
    fresh = evidence(
        query(buffers=2170, tree=SEQ_SCAN),
        query(id="d" * 12, sql="SELECT 1 AS one", buffers=2),
        query(id="e" * 12, sql="SELECT count(*) FROM orders", case="all"),
    )
    pairs = [
        Pair("a" * 12, "a" * 12, Verdict.REGRESSED),
        Pair("b" * 12, "d" * 12, Verdict.IMPROVED),
        Pair(None, "e" * 12 + ":all", Verdict.NEW),
        Pair("c" * 12, None, Verdict.EQUIVALENT),
    ]
    _, found = changes(BUDGET, old, [Judged(fresh, pairs, Verdict.REGRESSED)], replace(TERMS, complete=True))

    matches(
        Path(__file__).parent / "snapshots" / "update.txt",
        "\n".join(line for change in found for line in change.text()),
    )
