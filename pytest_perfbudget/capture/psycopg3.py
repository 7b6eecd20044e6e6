"""psycopg 3, watched at the public methods of its cursors: connections and pools made earlier are seen as well.

Counted as round trips: an ``execute``, ``copy`` or ``stream`` 1; an ``executemany`` 1 (psycopg sends it as a pipeline)
or with ``returning`` 2; in the application's own pipeline the first statement after each wait for results 1 and the
others 0, and the last one 1 more for a sync (each pipeline ends with one) that finds every result fetched; a
server-side cursor 1 and 1 for each fetch.
Rows are those the server sent; in a pipeline, where results come later, those its plan produced.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_perfbudget.capture.hub import Hub


_PRIVATE = ("_convert_query", "_raise_for_result")


class Psycopg3:
    """The driver ``psycopg``. ClientCursor, RawCursor and every subclass inherit the watched methods."""

    name = "psycopg"

    def __init__(self) -> None:
        self.hub: Hub | None = None
        self._originals: list[tuple[type[Any], str, Any]] = []

    def available(self) -> bool:
        """Whether psycopg 3 is installed."""
        return "psycopg" in sys.modules or find_spec("psycopg") is not None

    def install(self, hub: Hub) -> None:
        """Report to ``hub``; wraps the methods at the first call."""
        self.hub = hub
        if self._originals:
            return
        for kind, name, wrap in _watched():
            original = kind.__dict__[name]
            self._originals.append((kind, name, original))
            setattr(kind, name, wrap(original, self))
        from pytest_perfbudget.capture.psycopg3_calls import converting, raising

        for name, wrapper in zip(_PRIVATE, (converting, raising), strict=True):
            for kind in _classes_with(name):
                self._originals.append((kind, name, kind.__dict__[name]))
                setattr(kind, name, wrapper(kind.__dict__[name]))

    def uninstall(self) -> None:
        """Put the methods back. Connections seen keep their tap: it passes everything but plans to the application."""
        self.hub = None
        while self._originals:
            kind, name, original = self._originals.pop()
            setattr(kind, name, original)


def _classes_with(private: str) -> list[type[Any]]:
    """The cursors that define it: what makes a server's statement of the client's, what raises the error of a result;
    none in a psycopg that has no such."""
    import psycopg

    bases = (*psycopg.Cursor.__mro__, *psycopg.AsyncCursor.__mro__)
    return [kind for kind in dict.fromkeys(bases) if private in vars(kind)]


def _watched() -> list[tuple[type[Any], str, Any]]:
    """Each class that defines a method of its own, the method and what wraps it."""
    import psycopg

    from pytest_perfbudget.capture import psycopg3_async as asynchronous
    from pytest_perfbudget.capture import psycopg3_server as server
    from pytest_perfbudget.capture import psycopg3_sync as synchronous

    fetches = ("fetchone", "fetchmany", "fetchall")
    return [
        (psycopg.Cursor, "execute", synchronous.execute),
        (psycopg.Cursor, "executemany", synchronous.executemany),
        (psycopg.Cursor, "stream", synchronous.stream),
        (psycopg.Cursor, "copy", synchronous.copy),
        (psycopg.AsyncCursor, "execute", asynchronous.execute),
        (psycopg.AsyncCursor, "executemany", asynchronous.executemany),
        (psycopg.AsyncCursor, "stream", asynchronous.stream),
        (psycopg.AsyncCursor, "copy", asynchronous.copy),
        (psycopg.ServerCursor, "execute", partial(synchronous.execute, returned=server.declared)),
        (psycopg.AsyncServerCursor, "execute", partial(asynchronous.execute, returned=server.declared)),
        *((psycopg.ServerCursor, name, server.fetch) for name in fetches),
        *((psycopg.AsyncServerCursor, name, server.fetch_async) for name in fetches),
        (psycopg.Connection, "close", synchronous.close),
        (psycopg.AsyncConnection, "close", synchronous.close),
        (psycopg.Pipeline, "sync", synchronous.sync),
        (psycopg.Pipeline, "__exit__", synchronous.sync),
        (psycopg.AsyncPipeline, "sync", synchronous.sync),
        (psycopg.AsyncPipeline, "__aexit__", synchronous.sync),
        (psycopg.ServerCursor, "__next__", server.step),
        (psycopg.AsyncServerCursor, "__anext__", server.step_async),
    ]
