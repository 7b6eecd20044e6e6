"""The memory of a test's backends, looked at while its body runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

from pytest_perfbudget.errors import DisturbedError
from pytest_perfbudget.model.resources import MemoryUse
from pytest_perfbudget.postgres.backends import memory
from pytest_perfbudget.session.place import Place

PAUSE, FIRST_PAUSE, FIRST = 0.01, 0.001, 20
"""Seconds between two looks, and between the first of them, as connections can live shorter than a pause: what is taken
and given back within it can stay unseen."""


def looking(place: Place) -> Callable[[], int]:
    """What says how much the backends of this process's database have now.

    Raises:
        DisturbedError: nobody can say.
    """
    admin = place.server.admin.info
    return memory(admin.backend_pid, admin.dbname, place.database)


class Peak:
    """``use`` is complete when the watching has ended. ``wait`` sleeps for so many seconds or until then, and
    says whether it has."""

    def __init__(self, wait: Callable[[threading.Event, float], bool] = threading.Event.wait) -> None:
        self._wait = wait
        self.use = MemoryUse()

    @contextmanager
    def watching(self, looking: Callable[[], Callable[[], int]]) -> Iterator[None]:
        """Look again and again in a thread, and once more at the end."""
        try:
            look = looking()
        except DisturbedError as error:
            self.use = MemoryUse(why=error.what)
            yield
            return
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=[look, over], name="perfbudget-memory", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._see(look)

    def _watch(self, look: Callable[[], int], over: threading.Event) -> None:
        pauses = chain(repeat(FIRST_PAUSE, FIRST), repeat(PAUSE))
        while not self._wait(over, next(pauses)):
            self._see(look)

    def _see(self, look: Callable[[], int]) -> None:
        try:
            seen = look()
        except OSError as error:
            self.use = MemoryUse(why=f"the memory of the server's processes could not be read: {error}")
            return
        if seen and not self.use.why:
            self.use = MemoryUse(max(self.use.peak, seen), self.use.n + 1)
