"""The drivers of a process, watched from the first test that wants to know what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.capture.caches.own_statements import OwnStatements
from pytest_perfbudget.capture.driver import Driver
from pytest_perfbudget.capture.hub import Hub


class Drivers:
    """They report to ``hub``; what is sent outside of a recording is nobody's."""

    def __init__(self, drivers: Sequence[Driver], hub: Hub) -> None:
        self._drivers, self._hub = drivers, hub
        self._apart = OwnStatements(hub)
        self._watched = False

    def watch(self) -> None:
        """From now on; harmless where they are watched already."""
        if not self._watched:
            for driver in self._drivers:
                driver.install(self._hub)
            self._apart.install()
            self._watched = True

    def close(self) -> None:
        """Put them back as they were."""
        if self._watched:
            for driver in self._drivers:
                driver.uninstall()
            self._apart.uninstall()
            self._watched = False
