from __future__ import annotations

import threading
from collections.abc import Callable

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.model.resources import MemoryUse
from pytest_perfbudget.session.peak import Peak


def watched(looks: list[int | OSError], times: int) -> MemoryUse:
    """What is seen of them by a thread that looks ``times`` times, and once more at the end."""
    seen = iter(looks)
    done = threading.Event()
    left = iter([False] * times)

    def wait(over: threading.Event, seconds: float) -> bool:
        if next(left, True):
            done.set()
            return True
        return False

    def look() -> int:
        found = next(seen)
        if isinstance(found, OSError):
            raise found
        return found

    peak = Peak(wait)
    with peak.watching(lambda: look):
        assert done.wait(60)
    return peak.use


def test_the_most_is_kept_and_every_look_that_saw_something_counted() -> None:
    assert watched([5, 0, 9, 7], 3) == MemoryUse(9, 3)


def test_the_last_look_is_after_the_body() -> None:
    assert watched([9], 0) == MemoryUse(9, 1)


def test_what_cannot_be_read_once_is_not_judged() -> None:
    assert watched([5, OSError("gone"), 9], 2).why == "the memory of the server's processes could not be read: gone"


def test_where_nobody_can_look_the_body_runs_all_the_same() -> None:
    def looking() -> Callable[[], int]:
        raise DisturbedError("on Linux")

    peak = Peak()
    with peak.watching(looking):
        pass
    assert peak.use == MemoryUse(why="on Linux")
