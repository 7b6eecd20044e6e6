from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.model import Site
from pytest_perfbudget.pool.ledger import NOTES, Ledger

HERE = Site("app.py", 7, "take")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(clock)


def test_a_wait_under_a_millisecond_counts(ledger: Ledger, clock: Clock) -> None:
    for key in range(100):
        asked = clock.now
        clock.now += 0.0002 if key < 90 else 0.0007
        ledger.took(key, asked, None)
    account = ledger.cut()
    assert account.wait_p95 == pytest.approx(0.0007)
    assert account.requests == 100


def test_busy_is_time_in_use_over_time_passed(ledger: Ledger, clock: Clock) -> None:
    ledger.took(1, clock.now, None)
    ledger.took(2, clock.now, None)
    clock.now += 1
    ledger.returned(1)
    clock.now += 2
    account = ledger.cut()
    assert account.busy == pytest.approx((2 * 1 + 1 * 2) / 3)
    assert (account.max_busy, account.returned) == (2, 1)


def test_what_is_in_use_stays_so_in_the_next_account_but_was_not_taken_in_it(ledger: Ledger, clock: Clock) -> None:
    ledger.took(1, clock.now, HERE)
    clock.now += 1
    assert [taken.site for taken in ledger.cut().out] == [HERE]
    clock.now += 1
    later = ledger.cut()
    assert (later.max_busy, later.busy, later.requests, later.out) == (1, pytest.approx(1.0), 0, ())
    assert [taken.site for taken in ledger.out()] == [HERE]


def test_a_request_that_got_nothing_waited_all_the_same(ledger: Ledger, clock: Clock) -> None:
    asked = clock.now
    clock.now += 30
    ledger.refused(asked, HERE)
    account = ledger.cut()
    assert (account.failed, account.requests, account.wait_p95, account.slowest) == (1, 1, 30, HERE)


def test_a_connection_dropped_without_being_returned_stays_out_when_its_address_is_used_again(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.took(1, clock.now, HERE)
    ledger.took(1, clock.now, None)
    ledger.returned(1)
    assert [taken.site for taken in ledger.cut().out] == [HERE]


def test_a_connection_nobody_saw_leaving_changes_nothing(ledger: Ledger) -> None:
    ledger.returned(9)
    account = ledger.cut()
    assert (account.returned, account.max_busy) == (0, 0)


def test_notes_are_reckoned_up_before_they_are_many(ledger: Ledger, clock: Clock) -> None:
    for key in range(2 * NOTES):
        ledger.took(key % 7, clock.now, None)
        ledger.returned(key % 7)
        assert len(ledger._notes) <= NOTES + 1
    assert ledger.cut().returned == 2 * NOTES


events = st.lists(st.tuples(st.sampled_from(["take", "give"]), st.integers(0, 5), st.floats(0, 2)), max_size=60)


@given(events)
def test_the_account_agrees_with_the_events(log: list[tuple[str, int, float]]) -> None:
    clock = Clock()
    ledger, out, used, most = Ledger(clock), set[int](), 0.0, 0
    for what, key, pause in log:
        if what == "take" and key not in out:
            ledger.took(key, clock.now, None)
            out.add(key)
        elif what == "give":
            ledger.returned(key)
            out.discard(key)
        most = max(most, len(out))
        used += len(out) * pause
        clock.now += pause
    account = ledger.cut()
    assert account.busy * account.seconds == pytest.approx(used, abs=1e-6)
    assert account.max_busy == most
    assert len(account.out) == len(out) == ledger.busy
