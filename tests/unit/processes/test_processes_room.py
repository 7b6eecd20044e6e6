"""The room of a run. Two Rooms of one process lock as two processes would: the locks are those of open files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_perfbudget.processes import locks
from pytest_perfbudget.processes.room import Room


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def rooms() -> Iterator[tuple[Room, Room, Room]]:
    run = uuid.uuid4().hex
    with contextlib.ExitStack() as stack:
        yield tuple(stack.enter_context(contextlib.closing(Room(run))) for _ in range(3))


def taken(room: Room, name: str) -> bool:
    """Whether somebody who came now could not share that lock."""
    fd = locks.opened(room.path / name)
    try:
        return not locks.alone(fd)
    finally:
        locks.released(fd)


def test_nobody_is_alone_while_another_is_inside(rooms: tuple[Room, Room, Room]) -> None:
    one, two, _ = rooms
    one.enter()
    two.enter()
    with one.alone(0, 0) as alone:
        assert not alone
    two.leave()
    with one.alone(0, 0) as alone:
        assert alone


def test_who_was_inside_is_again_and_who_was_not_is_not(rooms: tuple[Room, Room, Room]) -> None:
    one, two, _ = rooms
    one.enter()
    with one.alone(0, 0):
        pass
    with two.alone(0, 0) as alone:
        assert not alone
    one.leave()
    with one.alone(0, 0):
        pass
    with two.alone(0, 0) as alone:
        assert alone


def test_two_that_want_to_be_alone_do_not_wait_for_each_other(rooms: tuple[Room, Room, Room]) -> None:
    """Both are inside, as tests are that measure."""

    def measure(room: Room) -> bool:
        room.enter()
        with room.alone(60, 60) as alone:
            pass
        room.leave()
        return alone

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(measure, rooms)) == [True, True, True]


def test_the_door_is_closed_while_one_waits_and_while_it_is_alone(rooms: tuple[Room, Room, Room]) -> None:
    """So that whoever waits waits for those inside and for nobody else."""
    one, two, _ = rooms
    two.enter()
    with one.alone(0, 0) as alone:
        assert not alone
        assert taken(one, "door")
    assert not taken(one, "door")
    two.leave()
    with one.alone(0, 0) as alone:
        assert alone
        assert taken(one, "door")
        with two.alone(0, 0) as too:
            assert not too
    assert not taken(one, "door")
    assert not taken(one, "room")


def test_who_comes_while_another_is_alone_enters_afterwards(rooms: tuple[Room, Room, Room]) -> None:
    one, two, three = rooms
    with ThreadPoolExecutor(1) as thread:
        with one.alone(0, 0):
            entering = thread.submit(two.enter)
            assert not entering.done()
        entering.result(60)
    with three.alone(0, 0) as alone:
        assert not alone


def test_who_is_killed_inside_is_inside_no_longer(rooms: tuple[Room, Room, Room]) -> None:
    one, *_ = rooms
    script = f"""
import sys
from pytest_perfbudget.processes import locks
fd = locks.share(__import__("pathlib").Path({str(one.path / "room")!r}))
print("inside", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        with one.alone(0, 0) as alone:
            assert not alone
        process.kill()
    with one.alone(0, 0) as alone:
        assert alone


def test_a_child_that_inherits_the_lock_does_not_keep_it(rooms: tuple[Room, Room, Room]) -> None:
    one, two, _ = rooms
    two.enter()
    kept = [os.dup(fd) for fd in (two._inside, two._door)]  # what a fork does
    two.leave()
    with one.alone(0, 0) as alone:
        assert alone
    for fd in kept:
        os.close(fd)


def test_what_was_spent_is_everybodys(rooms: tuple[Room, Room, Room]) -> None:
    one, two, _ = rooms
    assert two.spent == 0
    one.spent = 123456.75
    one.spent = 1.25
    assert two.spent == 1.25


def test_the_last_one_takes_the_folder_away() -> None:
    run = uuid.uuid4().hex
    one, two = Room(run), Room(run)
    one.close()
    assert two.path.exists()
    two.close()
    assert not two.path.exists()
    again = Room(run)
    assert again.path == one.path
    again.close()


def test_the_folder_of_a_dead_run_is_swept() -> None:
    dead = Room(uuid.uuid4().hex)
    for fd in (dead._inside, dead._door, dead._alive):
        os.close(fd)
    Room(uuid.uuid4().hex).close()
    assert not dead.path.exists()
