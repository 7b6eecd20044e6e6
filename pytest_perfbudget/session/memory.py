"""What a part of a test needs of the client's memory: the peak of Python's objects."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """The bytes that Python's allocators gave out within the block beyond what was there before it, at the peak.

    What C libraries allocate for themselves (libpq its results) is not among them. Where tracemalloc runs already, it
    goes on, its peak reset.
    """
    began = not tracemalloc.is_tracing()
    if began:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before, found = tracemalloc.get_traced_memory()[0], 0
    try:
        yield lambda: found
    finally:
        found = max(tracemalloc.get_traced_memory()[1] - before, 0)
        if began:
            tracemalloc.stop()
