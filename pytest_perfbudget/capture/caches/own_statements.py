"""What the query cache asks PostgreSQL for itself is no statement of the application: what that asked for is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.pool.patching import Patches

_PLACE = "pytest_perfbudget.cache.queries."
_METHODS = (
    ("driving", "Driving", "_sent"),
    ("driving_async", "AsyncDriving", "_sent"),
    ("writer", "Writer", "_plain"),
    ("writer_async", "AsyncWriter", "_plain"),
)
"""Where it sends something: a statement of a protocol, which says whether it is the cache's own; a writer's BEGIN."""


class OwnStatements:
    """Kept apart while drivers are watched."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._patches = hub, Patches()
        self._waiting: list[tuple[str, Callable[[], None]]] = []

    def install(self) -> None:
        """From now on; the query cache is not imported for it."""
        self._waiting = [(_PLACE + room, partial(self._wrap, room, kind, name)) for room, kind, name in _METHODS]
        for module, callback in self._waiting:
            when_imported(module, callback)

    def uninstall(self) -> None:
        """Put everything back."""
        for module, callback in self._waiting:
            forget(module, callback)
        self._patches.undo()

    def _wrap(self, room: str, kind: str, name: str) -> None:
        make = self._async if room.endswith("_async") else self._sync
        self._patches.cover(getattr(sys.modules[_PLACE + room], kind), name, make)  # which fails without the method

    def _sync(self, original: Any) -> Any:
        hub = self._hub

        @wraps(original)
        def sent(self: Any, statement: Any, *arguments: Any) -> Any:
            __tracebackhide__ = True
            if not _own(statement):
                return original(self, statement, *arguments)
            with hub.mute():
                return original(self, statement, *arguments)

        return sent

    def _async(self, original: Any) -> Any:
        hub = self._hub

        @wraps(original)
        async def sent(self: Any, statement: Any, *arguments: Any) -> Any:
            __tracebackhide__ = True
            if not _own(statement):
                return await original(self, statement, *arguments)
            with hub.mute():
                return await original(self, statement, *arguments)

        return sent


def _own(statement: Any) -> bool:
    """A statement as text is a writer's BEGIN."""
    return isinstance(statement, str) or bool(statement.own)
