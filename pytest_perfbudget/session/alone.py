"""Quiet for the clock: no test of another worker runs while something is measured, and the whole run measures no longer
than it may."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import DisturbedError, PerfbudgetError
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.units import format_seconds

if TYPE_CHECKING:
    from pytest_perfbudget.processes.room import Room


class Alone:
    """One per process. A process that runs all tests of its run by itself is alone anyway."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._options, self._clock = options, clock
        self._spent, self._why = 0.0, ""

    @contextmanager
    def among_others(self) -> Iterator[None]:
        """A test runs meanwhile: nobody measures."""
        if (room := self._room) is None:
            yield
            return
        room.enter()
        try:
            yield
        finally:
            room.leave()

    @contextmanager
    def measuring(self) -> Iterator[float]:
        """No test of another worker runs meanwhile. Gives the seconds that the run may measure for.

        Raises:
            DisturbedError: they do not end; none are left.
        """
        options, room = self._options, self._room
        if room is None and self._why:
            raise DisturbedError(f"tests of other workers run meanwhile, and cannot be waited for: {self._why}")
        if room is None:
            with self._counted(self._spent) as left:
                yield left
            return
        # All the others together are alone no longer than the cap.
        with room.alone(options.measure_cap + options.measure_wait, options.measure_wait) as alone:
            if not alone:
                waited = format_seconds(options.measure_wait)
                raise DisturbedError(f"tests of other workers did not end within {waited} (measure_wait)")
            with self._counted(room.spent) as left:
                yield left

    @contextmanager
    def _counted(self, spent: float) -> Iterator[float]:
        cap = self._options.measure_cap
        if spent >= cap:
            raise DisturbedError(f"the run has measured for the {format_seconds(cap)} that it may (measure_cap)")
        started = self._clock()
        try:
            yield cap - spent
        finally:
            self._spent = spent + self._clock() - started
            if self._room is not None:
                self._room.spent = self._spent

    @cached_property
    def _room(self) -> Room | None:
        """None in a run without workers, and where they cannot wait for each other: ``_why``."""
        if self._options.worker == "main":
            return None
        try:
            from pytest_perfbudget.processes.room import Room

            return Room(self._options.run_id)
        except ImportError:
            self._why = "this platform has no shared locks on files"
        except PerfbudgetError as error:
            self._why = error.what
        return None

    def close(self) -> None:
        """Be no part of the run any more."""
        if (room := vars(self).pop("_room", None)) is not None:
            room.close()
