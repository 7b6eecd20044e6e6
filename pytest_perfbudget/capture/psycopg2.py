"""psycopg2, watched by its factories: its connections and cursors are C types, whose methods cannot be wrapped.

``psycopg2.connect`` makes connections through a factory, and those make cursors through another. Both are exchanged for
subclasses of what the application asked for, so that its own ``connection_factory`` and ``cursor_factory`` (DictCursor,
NamedTupleCursor, …) stay what they are. Connections made earlier get the watched cursor as their default. What is
executed on a cursor that is not watched even so (one made earlier, one of a ``cursor_factory`` named on a connection
made earlier) is recorded when its plan arrives, with the line that executed it and one round trip, and so is each
statement nested in a function it calls; where there is no plan (a utility statement, a server without auto_explain) it
is not seen. Large objects and two-phase commits are no
statements, nor are the BEGIN, COMMIT and ROLLBACK of a connection and what psycopg2 asks for itself (the type hstore).

Counted as round trips: an ``execute``, ``callproc`` or ``copy_…`` 1; an ``executemany`` is as many statements as it has
sets of parameters, for that is what psycopg2 sends; a named cursor 1 and 1 for each fetch. The SQL is what the server
got: psycopg2 writes the parameters into it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.pool.patching import Patches

if TYPE_CHECKING:
    from pytest_perfbudget.capture.hub import Hub


class Psycopg2:
    """The driver ``psycopg2``. Nothing is imported: its factories are exchanged once the application has done so."""

    name = "psycopg2"

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._patches = Patches()
        self._installed = False

    def available(self) -> bool:
        """Whether psycopg2 is installed."""
        return "psycopg2" in sys.modules or find_spec("psycopg2") is not None

    def install(self, hub: Hub) -> None:
        """Report to ``hub``; the first call exchanges the factories, or the import of psycopg2 does."""
        self._hub = hub
        if not self._installed:
            self._installed = True
            when_imported("psycopg2", self._patch)

    def uninstall(self) -> None:
        """Connections are made as before. Those that were watched stay so, and report to nobody."""
        self._hub = None
        forget("psycopg2", self._patch)
        forget("psycopg2.extras", self._mute)
        self._patches.undo()
        self._installed = False

    def _patch(self) -> None:
        import psycopg2

        from pytest_perfbudget.capture import psycopg2_classes as classes

        classes.HUB.watched = lambda: self._hub
        self._patches.cover(psycopg2, "_connect", classes.connecting)
        when_imported("psycopg2.extras", self._mute)
        for connection in gc.get_objects():
            # By its type: isinstance would ask lazy objects of the application for their class, and make them.
            if issubclass(type(connection), psycopg2.extensions.connection) and not connection.closed:
                classes.adopt(connection)

    def _mute(self) -> None:
        from psycopg2.extras import HstoreAdapter

        self._patches.cover(HstoreAdapter, "get_oids", self._muted)

    def _muted(self, original: Callable[..., Any]) -> staticmethod[..., Any]:
        def get_oids(connection: Any) -> Any:
            if self._hub is None:
                return original(connection)
            with self._hub.mute():
                return original(connection)

        return staticmethod(get_oids)
