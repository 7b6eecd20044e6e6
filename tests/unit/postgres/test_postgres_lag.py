"""Lags of writes, with positions and a clock of the test's own, and of a real standby."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.postgres import Request, Server, lag, replica
from pytest_perfbudget.postgres.lag import Lag


class World:
    """A primary and a standby that move when they are told, on a clock that stands still otherwise."""

    def __init__(self) -> None:
        self.now, self.written, self.replayed = 0.0, 100, 100

    def lag(self) -> Lag:
        return Lag(lambda: self.written, lambda: self.replayed, lambda: self.now)


def test_each_write_is_timed_until_its_replay() -> None:
    world = World()
    lag = world.lag()
    for written, replayed, passed in ((200, 100, 0.25), (200, 150, 0.5), (300, 200, 0.125), (300, 300, 1.0)):
        world.written, world.replayed = written, replayed
        lag.look()
        world.now += passed
    assert lag.finish() == (0.75, 0.125)


def test_what_was_written_before_and_what_nobody_wrote_has_no_lag() -> None:
    world = World()
    world.replayed = 0
    lag = world.lag()
    world.now = 5.0
    lag.look()
    assert lag.finish() == ()


def test_a_write_under_way_counts_with_the_time_it_has_waited() -> None:
    world = World()
    lag = world.lag()
    world.written = 101
    lag.look()
    world.now = 3.0
    assert lag.finish() == (3.0,)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.floats(0, 1)), max_size=40))
def test_every_write_that_was_seen_has_one_lag_of_no_more_than_the_whole_time(
    steps: list[tuple[int, int, float]],
) -> None:
    world = World()
    lag, seen = world.lag(), 0
    for written, replayed, passed in steps:
        seen += written > 0
        world.written += written
        world.replayed = min(world.written, world.replayed + replayed)
        lag.look()
        world.now += passed
    lags = lag.finish()
    assert len(lags) == seen
    assert all(0 <= one <= world.now for one in lags)


class Overtaken(int):
    """A position of the standby; while it is compared another thread has its look, if it may."""

    look: threading.Thread

    def __ge__(self, other: int) -> bool:
        if not self.look.ident:
            self.look.start()
            self.look.join(0.2)
        return int(self) >= other


def test_the_last_look_of_another_thread_takes_no_write_away_from_this_one() -> None:
    world = World()
    lag = world.lag()
    world.written, world.replayed = 200, Overtaken(200)
    world.replayed.look = threading.Thread(target=lag.look)
    assert lag.finish() == (0.0,)
    world.replayed.look.join()
    assert lag.finish() == (0.0,)


def test_a_standby_that_does_not_replay_is_behind(server: Server, cache: Path) -> None:
    standby = replica.start(server, Request(run=server.run, cache=str(cache)))
    try:
        with server.connect() as writer, standby.server.connect() as reader:
            lags = Lag(lag.position(writer, lag.WRITTEN), lag.position(reader, lag.REPLAYED))
            reader.execute("select pg_wal_replay_pause()")
            with lag.measuring(lags):
                server.admin.execute("create table behind ()")
            with pytest.raises(Exception, match="not replayed"):
                standby.lag(patience=0.0)
            assert len(lags.finish()) >= 1
            reader.execute("select pg_wal_replay_resume()")
            standby.lag()
            assert lags._underway
            lags.look()
            assert not lags._underway
    finally:
        standby.close()
        server.admin.execute("drop table behind")
