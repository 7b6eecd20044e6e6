"""The classes that stand for psycopg2's. Imported once the application has imported psycopg2, never before."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from time import perf_counter
from typing import Any

from psycopg2 import extensions

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg2_calls import Sets, fetched, run
from pytest_perfbudget.capture.psycopg2_notices import notices_of


class _Watching:
    """Whom the classes report to."""

    watched: Callable[[], Hub | None] = staticmethod(lambda: None)


HUB = _Watching()


def _watched() -> Hub | None:
    return HUB.watched()


class WatchedCursor(extensions.cursor):  # type: ignore[misc]
    """The last class before psycopg2's own: what a factory of the application does comes down to these methods.

    The application's exceptions pass as they are.
    """

    def execute(self, query: Any, vars: Any = None) -> Any:  # noqa: A002
        __tracebackhide__ = True
        return run(_watched, self, lambda: extensions.cursor.execute(self, query, vars))

    def executemany(self, query: Any, vars_list: Any) -> Any:
        __tracebackhide__ = True
        sets = Sets(_watched, self, vars_list)
        try:
            result = extensions.cursor.executemany(self, query, iter(sets))
        except BaseException as error:
            sets.answered(error)
            raise
        sets.answered()
        return result

    def callproc(self, procname: Any, *parameters: Any) -> Any:
        __tracebackhide__ = True
        return run(_watched, self, lambda: extensions.cursor.callproc(self, procname, *parameters))

    def copy_from(self, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        return run(_watched, self, lambda: extensions.cursor.copy_from(self, *args, **options), copy=True)

    def copy_to(self, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        return run(_watched, self, lambda: extensions.cursor.copy_to(self, *args, **options), copy=True)

    def copy_expert(self, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        return run(_watched, self, lambda: extensions.cursor.copy_expert(self, *args, **options), copy=True)


class WatchedNamedCursor(WatchedCursor):
    """A server-side cursor: its fetches are round trips."""

    def fetchone(self) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        row = extensions.cursor.fetchone(self)
        fetched(self, started, int(row is not None))
        return row

    def fetchmany(self, *size: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        rows = extensions.cursor.fetchmany(self, *size, **options)
        fetched(self, started, len(rows))
        return rows

    def fetchall(self) -> Any:
        __tracebackhide__ = True
        started = perf_counter()
        rows = extensions.cursor.fetchall(self)
        fetched(self, started, len(rows))
        return rows

    def __next__(self) -> Any:
        """A round trip for each ``itersize`` rows, the one that finds the end included."""
        __tracebackhide__ = True
        started = perf_counter()
        try:
            row = extensions.cursor.__next__(self)
        except StopIteration:
            fetched(self, started, 0)
            raise
        fetched(self, started, 1, turns=int(self.rownumber == 1))
        return row


class WatchedConnection(extensions.connection):  # type: ignore[misc]
    """Its cursors are watched, whatever factory makes them."""

    def cursor(self, name: Any = None, cursor_factory: Any = None, *args: Any, **options: Any) -> Any:
        factory = watched_cursor(cursor_factory or self.cursor_factory, named=name is not None)
        return extensions.connection.cursor(self, name, factory, *args, **options)


def connecting(original: Callable[..., Any]) -> Callable[..., Any]:
    """``psycopg2._connect``, through which every ``connect`` goes, however early it was imported."""

    def _connect(dsn: Any, connection_factory: Any = None, **options: Any) -> Any:
        __tracebackhide__ = True
        connection = original(dsn, connection_factory=watched_connection(connection_factory), **options)
        return adopt(connection)

    return _connect


def adopt(connection: Any) -> Any:
    """Watch a connection, whoever made it: its default cursor, and its notices."""
    hub = _watched()
    if hub is not None and not connection.closed and connection.info.dbname in hub.databases:
        notices_of(connection, _watched)
        if not isinstance(connection, WatchedConnection):
            connection.cursor_factory = _by_name(connection.cursor_factory)
    return connection


def _by_name(factory: Any) -> Callable[..., Any]:
    """For a connection that is not of a watched class: it asks for a cursor with its name, if that has one."""

    def cursor(connection: Any, name: Any = None, **options: Any) -> Any:
        named = {} if name is None else {"name": name}
        return watched_cursor(factory, named=name is not None)(connection, **named, **options)

    return cursor


@lru_cache(maxsize=64)
def watched_connection(factory: Any) -> Any:
    """A subclass of the application's class; a factory that is no class stays what it is."""
    return _between(factory or extensions.connection, WatchedConnection, extensions.connection)


@lru_cache(maxsize=64)
def watched_cursor(factory: Any, *, named: bool) -> Any:
    """A subclass of the application's class; a factory that is no class stays what it is."""
    return _between(factory or extensions.cursor, WatchedNamedCursor if named else WatchedCursor, extensions.cursor)


def _between(factory: Any, watched: type[Any], base: type[Any]) -> Any:
    """``watched`` comes after the methods of ``factory`` and before those of ``base``."""
    if factory is base:
        return watched
    if not (isinstance(factory, type) and issubclass(factory, base)) or issubclass(factory, watched):
        return factory
    return type(factory.__name__, (factory, watched), {"__module__": factory.__module__, "__doc__": factory.__doc__})
