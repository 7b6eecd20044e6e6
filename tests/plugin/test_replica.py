"""``perf_replica`` as a user meets it: the test's own database on a standby, whatever earlier tests have written."""

from __future__ import annotations

import textwrap

from conftest import Shop

TEST = """
    import psycopg
    import pytest

    def total(dsn):
        with psycopg.connect(dsn) as connection:
            return connection.execute("select count(*) from orders").fetchone()[0]

    @pytest.mark.parametrize("number", range(3))
    def test_what_is_written_arrives_and_goes(perf_db, perf_replica, number):
        assert perf_replica.name == perf_db.name
        assert total(perf_replica.dsn) == 20000
        with psycopg.connect(perf_db.dsn) as connection:
            connection.execute("delete from orders where id <= 5000")
        assert 0 <= perf_replica.lag() < 30
        assert total(perf_replica.dsn) == 15000
        with psycopg.connect(perf_replica.dsn) as connection:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("delete from orders")

    @pytest.mark.perf_budget(queries={"max": 1})
    def test_statements_on_the_standby_are_seen(perf_replica):
        total(perf_replica.dsn)
"""


def test_on_its_own_and_shared_by_workers(shop: Shop) -> None:
    shop.write(**{"test_replica.py": textwrap.dedent(TEST)})
    for arguments in ((), ("-n", "2")):
        done = shop.run(*arguments, "test_replica.py")
        assert done.code == 0, done.text
        assert "4 passed" in done.text
        (test,) = done.report["tests"]
        assert [query["plans"][0]["tree"][-1].strip() for query in test["queries"]] == ["Seq Scan on orders"]


ROUTED = """
    import psycopg
    import pytest

    def read(dsn):
        with psycopg.connect(dsn) as connection:
            return connection.execute("select count(*) from orders where id < 9").fetchone()

    @pytest.mark.perf_budget(route="replica")
    def test_as_it_should(perf_replica):
        read(perf_replica.dsn)

    @pytest.mark.perf_budget(route="replica")
    def test_astray(perf_db, perf_replica):
        read(perf_replica.dsn)
        read(perf_db.dsn)

    @pytest.mark.perf_budget(route="primary")
    def test_as_it_was(perf_db):
        read(perf_db.dsn)
"""


def test_a_statement_that_reaches_the_other_server_fails(shop: Shop) -> None:
    shop.write(**{"test_routed.py": textwrap.dedent(ROUTED)})
    done = shop.run("test_routed.py")
    assert done.code == 1
    assert "sent to the primary, 1 of 2 times; route is replica" in done.text
    found = {test["nodeid"].rpartition("::")[2]: {f["code"] for f in test["findings"]} for test in done.report["tests"]}
    assert [name for name, codes in found.items() if "route" in codes] == ["test_astray"]


LAGGING = """
    import psycopg
    import pytest

    def write(dsn):
        with psycopg.connect(dsn, autocommit=True) as connection:
            for customer in range(5):
                connection.execute("update orders set total = 0 where customer_id = %s", [customer])

    @pytest.mark.perf_budget(replica={"lag_p95": "60 s"})
    def test_soon(perf_db):
        write(perf_db.dsn)

    @pytest.mark.perf_budget(replica={"lag_p95": "0.001 ms"})
    def test_at_once(perf_db):
        write(perf_db.dsn)
"""


def test_the_lag_of_the_standby_is_held_to_its_budget(shop: Shop) -> None:
    shop.write(**{"test_lagging.py": textwrap.dedent(LAGGING)})
    done = shop.run("test_lagging.py")
    found = {
        test["nodeid"].rpartition("::")[2]: [f["verdict"] for f in test["findings"] if f["code"] == "replica.lag_p95"]
        for test in done.report["tests"]
    }
    assert found == {"test_soon": [], "test_at_once": ["over"]}
    assert done.code == 1
