"""What watching costs Django, and an application in another process: paired, interleaved in one process, medians.

    python tests/benchmarks/remote_overhead.py

Of Django's ORM: nothing, ``CaptureQueriesContext`` (pytest-django's ``django_assert_num_queries``), ours on the
client's side, ours with plans. Of the server's log: what it adds to a statement beside the plans, how fast it is read.
"""

from __future__ import annotations

import gc
import os
import tempfile
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import django
import psycopg
from django.conf import settings

from pytest_perfbudget.capture.django import Django
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3
from pytest_perfbudget.capture.server_log import LoggedStatements
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.log import LOGGED, ServerLog
from pytest_perfbudget.postgres.profile import capture
from pytest_perfbudget.postgres.server import Request, Server

ROUNDS, PER_ROUND, MANY = 100, 20, 100_000
DATABASES = {"plain": {}, "plans": {"plans"}, "logged": {"plans", "log"}}


def prepared(server: Server) -> None:
    """Three databases: as they are, with auto_explain, with auto_explain and the log."""
    for name, parts in DATABASES.items():
        server.admin.execute(f"DROP DATABASE IF EXISTS {name}")
        server.admin.execute(f"CREATE DATABASE {name}")
        given = (capture(server.major) if "plans" in parts else {}) | (LOGGED if "log" in parts else {})
        for setting, value in given.items():
            server.admin.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")


def medians(ways: dict[str, tuple[Callable[[], object], Callable[[], AbstractContextManager[object]]]]) -> None:
    """Each way beside the first, round by round: microseconds of one execution, and what is added."""
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 5):
        for name, (work, around) in list(ways.items())[:: 1 if turn % 2 else -1]:
            with around():
                started = perf_counter()
                for _ in range(PER_ROUND):
                    work()
                if turn >= 5:
                    rounds[name].append((perf_counter() - started) / PER_ROUND * 1e6)
    first = next(iter(rounds.values()))
    for name, found in rounds.items():
        added = median(b - a for a, b in zip(first, found, strict=True))
        print(f"{name:<44} {median(found):7.1f} µs  {added:+6.1f} µs")


def of_django(server: Server) -> None:
    import pytest_perfbudget.django

    entries = {}
    for alias, name in (("default", "plain"), ("plans", "plans")):
        os.environ["DSN"] = server.dsn(name)
        entries[alias] = pytest_perfbudget.django.database("DSN")
    settings.configure(DATABASES=entries, INSTALLED_APPS=["django.contrib.contenttypes"])
    django.setup()
    from django.contrib.contenttypes.models import ContentType
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    hub, drivers = Hub(), (Psycopg3(), Django())
    hub.watch("plain")
    hub.watch("plans")
    for alias in entries:
        with connections[alias].schema_editor() as editor:
            editor.create_model(ContentType)

    for driver in drivers:
        driver.install(hub)

    @contextmanager
    def watched() -> Iterator[None]:
        hub.start()
        yield
        hub.stop()

    def query(alias: str) -> Callable[[], object]:
        return lambda: list(ContentType.objects.using(alias).filter(id=1))

    medians({
        "Django's ORM, nothing recorded": (query("default"), nullcontext),
        "  django_assert_num_queries": (query("default"), lambda: CaptureQueriesContext(connections["default"])),
        "  ours, client side": (query("default"), watched),
        "  ours, with plans": (query("plans"), watched),
    })  # fmt: skip
    for driver in drivers:
        driver.uninstall()
    for connection in connections.all():
        connection.close()


def of_the_log(server: Server) -> None:
    with psycopg.connect(server.dsn("plain"), autocommit=True) as plain, \
            psycopg.connect(server.dsn("plans"), autocommit=True) as plans, \
            psycopg.connect(server.dsn("logged"), autocommit=True) as logged:  # fmt: skip

        def query(connection: psycopg.Connection) -> Callable[[], object]:
            return lambda: connection.execute("SELECT %s::int + 1", (1,))

        medians({
            "psycopg, nothing watched": (query(plain), nullcontext),
            "  auto_explain": (query(plans), nullcontext),
            "  auto_explain and the log": (query(logged), nullcontext),
        })  # fmt: skip
        hub = Hub()
        hub.hear(LoggedStatements(ServerLog(server, "logged")))
        for traced in (False, True):
            hub.start()
            for number in range(MANY):
                logged.execute("SELECT %s::int + 1", (number,))
            if traced:
                tracemalloc.start()
            started, cpu = perf_counter(), process_time()
            statements = hub.stop()
            seconds, cpu = perf_counter() - started, process_time() - cpu
            hub.check()
            if not traced:
                each = f"{cpu / MANY * 1e6:.0f} µs of CPU each"
                print(f"{len(statements):,} statements read in {seconds:.1f} s, {each}")
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"{kept / 1e6:.0f} MB kept, {peak / 1e6:.0f} MB at the peak")
    for _ in range(3):
        started = perf_counter()
        hub.start()
        hub.stop()
    print(f"a test without a statement: {(perf_counter() - started) * 1e3:.1f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="perfbudget-figures-", dir="/tmp") as cache:
        Path(cache).chmod(0o755)
        server = Embedded().start(Request(uuid.uuid4().hex, cache=cache, logs=True))
        try:
            prepared(server)
            of_django(server)
            of_the_log(server)
        finally:
            server.close()


if __name__ == "__main__":
    main()
