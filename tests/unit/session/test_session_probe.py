"""Evidence costs a question to the server: only what is asked for is gathered, and the catalogue once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from pytest_perfbudget.model import Environment, Site, Statement, TestEvidence
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.server import Request, Server
from pytest_perfbudget.session.probe import Prober
from pytest_perfbudget.verdict.gather import gather

ENVIRONMENT = Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False)
SQL = "SELECT note FROM parcels WHERE id = $1"
SCHEMA = """
CREATE TABLE parcels (id int PRIMARY KEY, note text);
INSERT INTO parcels SELECT n, 'n' || n FROM generate_series(1, 2000) n;
ANALYZE parcels
"""


@pytest.fixture(scope="module")
def server(server_cache: str) -> Iterator[Server]:
    started = Embedded().start(Request(run=uuid.uuid4().hex, cache=server_cache))
    started.admin.execute("CREATE DATABASE probed")
    with started.connect("probed") as connection:
        for statement in SCHEMA.split(";"):
            connection.execute(statement.encode())
    yield started
    started.close()


class Place:
    """What a Prober needs of a place; counts the connections it asked for."""

    def __init__(self, server: Server) -> None:
        self._server, self.asked = server, 0

    @contextmanager
    def quiet(self) -> Iterator[psycopg.Connection[Any]]:
        self.asked += 1
        with self._server.connect("probed") as connection:
            yield connection


@pytest.fixture
def place(server: Server) -> Place:
    return Place(server)


def seen(sql: str = SQL, relation: str = "parcels", **more: Any) -> TestEvidence:
    node = {"Node Type": "Index Scan", "Relation Name": relation, "Index Name": "parcels_pkey", "Alias": relation}
    document = {"Query Text": sql, "Plan": node | {"Actual Rows": 1, "Actual Loops": 1}}
    given = {"params": (b"7",), "site": Site("app.py", 7, "recent"), "plans": [document]} | more
    return gather("t", "b", [Statement(sql, **given)], ENVIRONMENT)


def test_planning_and_execution_are_timed_where_a_rule_asks(place: Place) -> None:
    evidence = seen()
    (query,) = evidence.queries
    (probed,) = Prober(place).gather(evidence, {query.key: {"timing"}}).queries
    assert probed.probes.timed is not None
    assert {"Planning Time", "Execution Time"} <= probed.probes.timed.keys()
    assert Prober(place).gather(replace(evidence, queries=(probed,)), {query.key: {"timing"}}).queries == (probed,)
    assert place.asked == 1


def test_what_writes_is_not_executed_again_to_be_timed(place: Place) -> None:
    evidence = seen("DELETE FROM parcels WHERE id = $1")
    assert Prober(place).gather(evidence, {evidence.queries[0].key: {"timing"}}) == evidence
    assert place.asked == 0


def test_nothing_is_asked_of_the_server_unless_a_rule_needs_it(place: Place) -> None:
    evidence = seen()
    key = evidence.queries[0].key
    for needs in ({}, {key: frozenset[Any]()}, {key: {"plan", "analyze", "sql"}}, {"another": {"catalogue"}}):
        assert Prober(place).gather(evidence, needs) == evidence  # type: ignore[arg-type]
    assert place.asked == 0


def test_the_catalogue_of_the_seeded_database_is_read_once(place: Place) -> None:
    prober = Prober(place)  # type: ignore[arg-type]
    prober.read_catalogue()
    prober.read_catalogue()
    for _ in range(3):
        [query] = prober.gather(seen(), {seen().queries[0].key: {"catalogue"}}).queries
        assert query.probes.catalogue is not None
        assert query.probes.catalogue.table("parcels") is not None
    assert place.asked == 1


def test_a_table_that_came_later_is_found_all_the_same(place: Place) -> None:
    prober = Prober(place)  # type: ignore[arg-type]
    prober.read_catalogue()
    with place.quiet() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS later (id int)")
    evidence = seen(relation="later")
    [query] = prober.gather(evidence, {evidence.queries[0].key: {"catalogue"}}).queries
    assert query.probes.catalogue is not None
    assert query.probes.catalogue.table("later") is not None


def test_both_plans_are_asked_for_once(place: Place) -> None:
    prober, evidence = Prober(place), seen()  # type: ignore[arg-type]
    needs = {evidence.queries[0].key: {"seqscan_off", "generic"}}
    evidence = prober.gather(evidence, needs)  # type: ignore[arg-type]
    [query] = prober.gather(evidence, needs).queries  # type: ignore[arg-type]
    assert query.probes.seqscan_off is not None
    assert query.generic is not None
    assert query.generic.plan.tree == ("Index Scan using parcels_pkey on parcels   Index Cond: id = ?",)
    assert (query.generic.switches, query.generic.reachable) == (True, True)
    assert place.asked == 2


def test_what_one_case_switches_the_others_of_the_statement_get(place: Place) -> None:
    sql = "SELECT note FROM parcels WHERE $1::int IS NULL OR id > $1::int"
    executions = [
        Statement(sql, params=(value,), case=case, plans=seen().queries[0].executions[0].plans)
        for case, value in (("all", None), ("one", b"1999"))
    ]
    evidence = gather("t", "b", executions, ENVIRONMENT)
    queries = Prober(place).gather(evidence, {query.key: {"generic"} for query in evidence.queries}).queries  # type: ignore[arg-type,misc]
    generics = [query.generic for query in queries if query.generic]
    assert len(generics) == 2
    switching = any(generic.switches for generic in generics)
    assert [generic.reachable for generic in generics] == [switching] * 2


def test_a_refusal_is_kept_as_the_reason(place: Place) -> None:
    evidence = seen(params=(b"no number",))
    [query] = Prober(place).gather(evidence, {evidence.queries[0].key: {"seqscan_off", "generic"}}).queries  # type: ignore[arg-type]
    assert query.probes.seqscan_off is None
    assert query.probes.why.keys() == {"seqscan_off", "generic"}
    assert "(SQLSTATE 22P02)" in query.probes.why["generic"]


def test_a_statement_without_parameters_is_not_prepared(place: Place) -> None:
    evidence = seen("SELECT note FROM parcels WHERE id = 7", params=())
    [query] = Prober(place).gather(evidence, {evidence.queries[0].key: {"generic"}}).queries  # type: ignore[arg-type]
    assert (query.generic, query.probes.why, place.asked) == (None, {}, 0)
