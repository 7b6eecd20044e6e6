"""The processors of this machine: how long each was idle, and processes kept on one of them for a while. On Linux."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.postgres.backends import process_of

LOOK = 0.1
"""Seconds of a look at which of them has least to do."""
_STAT = Path("/proc/stat")
_PROCESSOR = re.compile(r"^cpu(\d+) (.*)$", re.MULTILINE)
_IDLE = slice(3, 7)
"""idle, iowait, irq and softirq, see proc_stat(5): packets on their way between client and server are nobody else's."""


def idle() -> dict[int, float]:
    """The seconds that each processor, by its number, has executed no process since the machine was started; empty
    where the platform does not tell."""
    try:
        text = _STAT.read_text()
    except OSError:
        return {}
    tick = os.sysconf("SC_CLK_TCK")
    return {int(number): sum(map(int, fields.split()[_IDLE])) / tick for number, fields in _PROCESSOR.findall(text)}


def idlest(processors: Collection[int], sleep: Callable[[float], object] = time.sleep) -> int:
    """The one of them that has least to do now. Of those alike the last: interrupts are mostly for the first."""
    if len(processors) == 1:
        return min(processors)
    before = idle()
    sleep(LOOK)
    after = idle()
    return max(processors, key=lambda one: (after.get(one, 0.0) - before.get(one, 0.0), one))


@contextmanager
def on_one_processor(
    backends: Sequence[tuple[int, str]], choose: Callable[[Collection[int]], int] | None = None
) -> Iterator[int]:
    """Keep this thread and the backends, each given with its database, on one processor that all of them may use; its
    number. What disturbs one of them disturbs the others, and they share its caches. ``choose`` picks it, else
    it is the :func:`idlest`.

    Raises:
        DisturbedError: they are no processes of this machine, or not ours to move.
    """
    threads = [threading.get_native_id(), *(process_of(backend, database) for backend, database in backends)]
    with ExitStack() as stack:
        try:
            allowed = [os.sched_getaffinity(one) for one in threads]
            common = set.intersection(*allowed)
            if not common:
                raise DisturbedError("the server's processes may use no processor that this one may use")
            chosen = (choose or idlest)(common)
            for thread, before in zip(threads, allowed, strict=True):
                stack.callback(_give_back, thread, before)
                os.sched_setaffinity(thread, {chosen})
        except OSError as error:
            raise DisturbedError(f"its processes cannot be kept on one processor: {error.strerror}") from None
        yield chosen


def _give_back(thread: int, processors: Collection[int]) -> None:
    with suppress(OSError):  # a backend that has ended
        os.sched_setaffinity(thread, processors)


@contextmanager
def in_turn(backend: int, database: str, number: int) -> Iterator[None]:
    """Keep this thread and a backend on one processor, another one for the next ``number``: a guest of the machine that
    shares a core with one of them is beside some of the backends only. Where they are not ours to move they stay."""
    with ExitStack() as stack:
        with suppress(DisturbedError):
            stack.enter_context(on_one_processor([(backend, database)], lambda may: sorted(may)[number % len(may)]))
        yield
