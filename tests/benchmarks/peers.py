"""What a statement costs under us and under plugins of the same kind, side by side in one process, medians of pairs.

    pip install --target PEERS pytest-queryguard "django<6" pytest-django
    PYTHONPATH=PEERS python tests/benchmarks/peers.py

pytest-queryguard listens to SQLAlchemy's engines, django_assert_num_queries to one Django connection: both record text,
parameters and duration, and no plan. What ours costs with the server's plans is shown too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from statistics import median
from time import perf_counter
from typing import Any

from capture_databases import plain_and_plans
from psycopg.conninfo import conninfo_to_dict

from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3

ROUNDS, PER_ROUND, WARM = 150, 50, 25
Execute = Callable[[int], Any]
Watch = Callable[[], AbstractContextManager[Any]]


@contextmanager
def ours(database: str) -> Iterator[None]:
    hub, driver = Hub(), Psycopg3()
    hub.watch(database)
    driver.install(hub)
    hub.start()
    try:
        yield
    finally:
        hub.stop()
        driver.uninstall()


def timed(execute: Execute, watch: Watch) -> float:
    with watch():
        for n in range(WARM):
            execute(n)
        started = perf_counter()
        for n in range(PER_ROUND):
            execute(n)
        return (perf_counter() - started) / PER_ROUND * 1e6


def compare(title: str, execute: Execute, watches: dict[str, Watch]) -> None:
    """Each way of watching against none, in turns of changing order."""
    found: dict[str, list[float]] = {name: [] for name in ("nothing", *watches)}
    ways = [("nothing", nullcontext), *watches.items()]
    for turn in range(ROUNDS):
        for name, watch in ways[turn % len(ways) :] + ways[: turn % len(ways)]:
            found[name].append(timed(execute, watch))
    print(f"{title}: {median(found['nothing']):.1f} µs a statement")
    added = {
        name: median(b - a for a, b in zip(found["nothing"], times, strict=True))
        for name, times in found.items()
        if name != "nothing"
    }
    for name, more in added.items():
        ratio = more / added["perfbudget"]
        print(f"  {name:<28} {more:+7.1f} µs   {ratio:.2f} of ours")


def sqlalchemy_execute(dsn: str) -> Execute:
    import sqlalchemy

    connection = sqlalchemy.create_engine(f"postgresql+psycopg://?{_query(dsn)}").connect()
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    text = sqlalchemy.text("SELECT CAST(:n AS int) + 1")
    return lambda n: connection.execute(text, {"n": n}).fetchall()


def _query(dsn: str) -> str:
    return "&".join(f"{name}={value}" for name, value in conninfo_to_dict(dsn).items())


def django_connection(dsn: str) -> Any:
    import django
    from django.conf import settings

    known = conninfo_to_dict(dsn)
    names = {"NAME": "dbname", "USER": "user", "HOST": "host", "PORT": "port", "PASSWORD": "password"}
    database = {key: str(known.get(name, "")) for key, name in names.items()}
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **database}})
    django.setup()
    from django.db import connection

    return connection


def main(plain: str, plans: str) -> None:
    from django.test.utils import CaptureQueriesContext
    from pytest_queryguard import record_queries

    database = str(conninfo_to_dict(plain)["dbname"])
    mine: Watch = lambda: ours(database)  # noqa: E731
    compare("SQLAlchemy", sqlalchemy_execute(plain), {"perfbudget": mine, "pytest-queryguard": record_queries})
    connection = django_connection(plain)

    def execute(n: int) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::int + 1", [n])
            return cursor.fetchall()

    counts: Watch = lambda: CaptureQueriesContext(connection)  # noqa: E731
    compare("Django", execute, {"perfbudget": mine, "django_assert_num_queries": counts})
    with_plans = sqlalchemy_execute(plans)
    explained = str(conninfo_to_dict(plans)["dbname"])
    compare("SQLAlchemy, plans sent to all", with_plans, {"perfbudget": lambda: ours(explained)})


if __name__ == "__main__":
    with plain_and_plans() as dsns:
        main(*dsns)
