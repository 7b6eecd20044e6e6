"""What encryption costs: one container with TLS and one without, asked in turns from one process.

``connect`` is a connection with its first query; ``query`` one on a connection that is there, ``1 MB`` one that
fetches a megabyte. Medians, and the median of the ratios of pairs. The image must have been built with OpenSSL, as the
official ones are.
"""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

import psycopg

from pytest_perfbudget.postgres import Request, Server
from pytest_perfbudget.postgres.container import Container
from pytest_perfbudget.postgres.server import Container as Made

_MEGABYTE = "select repeat('x', 1024) from generate_series(1, 1024)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--major", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        plain, encrypted = (_started(stack, arguments.major, tls=tls) for tls in (False, True))
        print(f"PostgreSQL {plain.version.split()[0]} in a container, {encrypted.tls}, {arguments.rounds} rounds")
        _row("connect", [_connecting(server) for server in (plain, encrypted)], arguments.rounds)
        connections = [stack.enter_context(server.connect()) for server in (plain, encrypted)]
        for name, sql in (("query", "select 1"), ("1 MB", _MEGABYTE)):
            _row(name, [_asking(connection, sql) for connection in connections], arguments.rounds)


def _started(stack: ExitStack, major: int, *, tls: bool) -> Server:
    request = Request(uuid.uuid4().hex, server="container", major=major, container=Made(tls=tls))
    server = Container().start(request)
    stack.callback(server.close)
    return server


def _connecting(server: Server) -> Callable[[], object]:
    dsn = server.dsn("postgres")

    def connect() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("select 1")

    return connect


def _asking(connection: psycopg.Connection, sql: str) -> Callable[[], object]:
    return lambda: connection.execute(sql).fetchall()


def _row(name: str, both: list[Callable[[], object]], rounds: int) -> None:
    pairs = [[_took(call) for call in both] for _ in range(rounds)]
    plain, encrypted = (median(column) * 1e3 for column in zip(*pairs, strict=True))
    ratio = median(second / first for first, second in pairs)
    print(f"{name:<8} plain {plain:8.3f} ms   TLS {encrypted:8.3f} ms   {ratio:5.2f} ×")


def _took(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
