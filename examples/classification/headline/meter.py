"""How long each thread waited for connections, and how often: the same clock for every way to come by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import Any, Protocol

import psycopg

Connection = psycopg.Connection[Any]


class Pool(Protocol):
    """Anything that lends connections."""

    def connection(self) -> AbstractContextManager[Connection]: ...


class Meter(threading.local):
    """Of the thread that reads it: seconds waited for connections, and connections had, since :meth:`reset`."""

    waited: float = 0.0
    lent: int = 0

    def reset(self) -> None:
        self.waited, self.lent = 0.0, 0


class Metered:
    """A pool whose waits are on the meter; those for giving a connection back, or closing it, as well."""

    def __init__(self, pool: Pool, meter: Meter) -> None:
        self._pool, self._meter = pool, meter

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        began = perf_counter()
        lending = self._pool.connection()
        connection = lending.__enter__()
        self._meter.waited += perf_counter() - began
        self._meter.lent += 1
        try:
            yield connection
        except BaseException as error:
            lending.__exit__(type(error), error, error.__traceback__)
            raise
        began = perf_counter()
        lending.__exit__(None, None, None)
        self._meter.waited += perf_counter() - began


class EachTime:
    """No pool: a connection is made when one is asked for, and closed after."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()
