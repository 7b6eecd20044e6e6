"""``latency.regress`` of a test: its statements against those of the reference."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter, sleep

from pytest_perfbudget.budgets.budget import Budget, Slowdown
from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.measure.fresh import over_fresh_pairs
from pytest_perfbudget.measure.regression import Measure, Outcome, on_one_connection, regressions
from pytest_perfbudget.measure.rounds import CAP, Connected
from pytest_perfbudget.model import Finding, QueryEvidence, TestEvidence, Verdict
from pytest_perfbudget.session.against.child import NoReferenceError
from pytest_perfbudget.session.against.layouts import TwoDatabases
from pytest_perfbudget.session.against.parcel import Given, GivenQuery, GivenTest
from pytest_perfbudget.session.against.reference import Reference
from pytest_perfbudget.session.against.sides import Layout, Sides, connected, refused
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.verdict.pairing import pair
from pytest_perfbudget.verdict.slower import Compared, against, not_compared, only_the_clock, slower, unjudged, whole
from pytest_perfbudget.verdict.unexplained import NONE_PLANNED, is_planned, not_timed, of_nothing_planned

FRESH = 5
"""Times the cap, where every round needs connections of its own: 12 rounds take about 3 s, all 48 about 12."""
REPORTED_CAP = 1.0
"""Seconds for each statement that is not gated."""
ANY = math.inf
"""The slowdown that must be caught of those: none, so that the first look ends the rounds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a budget says of one query; ``always`` gates it even where nothing but the clock can have changed."""

    query: QueryEvidence
    slowdown: Slowdown
    always: bool


def compare_times(
    budget: Budget, evidence: TestEvidence, place: Place, reference: Reference | None, disturbed: str | None
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    """The evidence with how each statement's time compares, and the findings about it."""
    asked = _asked(budget, evidence)
    of_none = [one.latency_regress for one in of_nothing_planned(budget, evidence.queries) if one.latency_regress]
    if not asked and not of_none:
        return evidence, ()
    first = [*(one.slowdown for one in asked.values()), *of_none][0]
    if reference is None:
        return evidence, (not_compared(first),)
    if disturbed:
        return evidence, (whole(first, disturbed),)
    unheld = tuple(whole(slowdown, NONE_PLANNED) for slowdown in of_none)
    if not asked:
        return evidence, unheld
    try:
        given = reference.test(evidence.test, budget.name)
        after, found = _compare(asked, evidence, given, place, reference, writes=budget.latency_writes)
        return after, (*unheld, *found)
    except NoReferenceError as error:
        return evidence, (*unheld, whole(first, error.what, error.remedy))


def asks(budget: Budget) -> bool:
    """Whether a statement of the budget can be compared at all."""
    return any(one.latency_regress for one in (budget, *budget.queries.values()))


def _asked(budget: Budget, evidence: TestEvidence) -> dict[str, Asked]:
    """The strictest that concerns each query; nothing of what is never planned."""
    found: dict[str, Asked] = {}
    for query in evidence.queries:
        concerning = budget.concerning(query.names)
        held = [one.latency_regress for one in concerning if one.latency_regress]
        if held and is_planned(query):
            always = any(one.latency_always for one in concerning if one.latency_regress)
            found[query.key] = Asked(query, min(held, key=lambda one: one.share), always)
    return found


def _compare(
    asked: Mapping[str, Asked],
    evidence: TestEvidence,
    given: GivenTest,
    place: Place,
    reference: Reference,
    *,
    writes: bool,
) -> tuple[TestEvidence, tuple[Finding, ...]]:
    partners = _partners(evidence, given)
    sides, why = _sides(asked, partners, reference.commit.ref, writes=writes)
    compared: dict[str, Compared] = {}
    if sides:
        layout = reference.layout(evidence.test, sides)
        gated = sides.keys() - _reported(asked, partners, evidence, reference.given)
        words = f"timing {len(sides)} statement{'s' if len(sides) > 1 else ''} against {reference.commit}"
        try:
            with place.progress(words), place.undisturbed() as left:
                outcomes, failed = _timed(layout, sides, asked, gated, reference.commit.ref, perf_counter() + left)
        except DisturbedError as error:
            outcomes, failed = {}, dict.fromkeys(sides, error.what)
        why |= failed
        for key, outcome in outcomes.items():
            record, p50 = partners[key].record, sides[key].p50
            compared[key] = Compared(str(reference.commit), layout.name, outcome, key in gated, *p50, record)
    findings = [unjudged(asked[key].query, asked[key].slowdown, words) for key, words in why.items()]
    found = [slower(asked[key].query, asked[key].slowdown, one) for key, one in compared.items()]
    executed = {key for key in compared if all(sides[key].taken)}  # the time was not over before
    queries = tuple(
        replace(query, against=against(reference.commit.id, compared[query.key])) if query.key in executed else query
        for query in evidence.queries
    )
    return replace(evidence, queries=queries), (*findings, *filter(None, found))


def _partners(evidence: TestEvidence, given: GivenTest) -> dict[str, GivenQuery]:
    """The reference's statement of each of ours, by the rules of baselines."""
    by_key = {one.record.key: one for one in given.queries}
    paired = pair([one.record for one in given.queries], evidence.queries)
    return {new.key: by_key[old.key] for old, new in paired if old and new}


def _sides(
    asked: Mapping[str, Asked], partners: Mapping[str, GivenQuery], ref: str, *, writes: bool
) -> tuple[dict[str, Sides], dict[str, str]]:
    """What can be executed on both sides, and why the rest cannot."""
    sides: dict[str, Sides] = {}
    why: dict[str, str] = {}
    for key, one in asked.items():
        partner = partners.get(key)
        if words := not_timed(one.query.executions[0]):
            why[key] = words
        elif partner is None:
            why[key] = f"not in {ref}: it has no statement to compare this one with"
        elif words := not_timed(partner.last):
            why[key] = f"at {ref} it is another: {words}"
        elif (partner.writes or one.query.writes) and not writes:
            why[key] = "the statement writes; latency.writes = true times it"
        else:
            written = partner.writes or one.query.writes
            sides[key] = Sides(partner.last, one.query.executions[-1], written)
    return sides, why


def _reported(
    asked: Mapping[str, Asked], partners: Mapping[str, GivenQuery], evidence: TestEvidence, given: Given
) -> set[str]:
    """The keys of statements whose time is reported and not gated."""
    return {
        key
        for key, one in asked.items()
        if not one.always
        and (partner := partners.get(key))
        and partner.last.params == one.query.executions[-1].params
        and given.environment
        and only_the_clock(partner.record, partner.last.sql, one.query, given.environment, evidence.environment)
    }


def _timed(
    layout: Layout,
    sides: Mapping[str, Sides],
    asked: Mapping[str, Asked],
    gated: Collection[str],
    ref: str,
    ends: float,
) -> tuple[dict[str, Outcome], dict[str, str]]:
    """The outcome of each statement, or why there is none: it is refused now, or in the middle of its rounds."""
    import psycopg

    why = refused(layout, sides, (f"at {ref}", "here"))
    sides = {key: one for key, one in sides.items() if key not in why}
    try:
        return _measured(layout, sides, asked, gated, ends), why
    except psycopg.Error as error:
        words = f"the comparison was broken off: {str(error).splitlines()[0]}"
        return {}, why | dict.fromkeys(sides, words)


def _measured(
    layout: Layout, sides: Mapping[str, Sides], asked: Mapping[str, Asked], gated: Collection[str], ends: float
) -> dict[str, Outcome]:
    regress = {key: asked[key].slowdown.share for key in sides if key in gated}
    reported = dict.fromkeys((key for key in sides if key not in gated), ANY)
    outcomes = regressions(_measure(layout, sides, ends=ends), regress, sleep) if regress else {}
    looks = _measure(layout, sides, REPORTED_CAP, ends)(reported) if reported else {}
    return outcomes | {key: Outcome(Verdict.SAME, str(look.change), look) for key, look in looks.items()}


def _measure(layout: Layout, sides: Mapping[str, Sides], cap: float = CAP, ends: float = math.inf) -> Measure:
    """No round begins when the clock is at ``ends``."""

    def fresh(keys: frozenset[str]) -> AbstractContextManager[Connected]:
        return connected(layout, {key: sides[key] for key in sides if key in keys})

    order = Random(0)  # noqa: S311 - of the executions
    if isinstance(layout, TwoDatabases):
        return over_fresh_pairs(fresh, perf_counter, order, cap * FRESH, ends)
    return on_one_connection(fresh, perf_counter, order, cap, ends)
