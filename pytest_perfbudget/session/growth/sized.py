"""In the process of one scale: what is handed over of a statement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

from pytest_perfbudget.baselines.record import query_record
from pytest_perfbudget.model import QueryEvidence
from pytest_perfbudget.plans.facts import rows_scanned
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.plans.recent import parsed
from pytest_perfbudget.plans.relations import Ancestors
from pytest_perfbudget.session.against.parcel import GivenQuery
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.statements import Kind, kind

WARM_UP, SAMPLES = 2, 8
LONGEST = 0.2
"""Seconds for which one statement is executed again at most: its times are reported, not judged."""


def sized(place: Place, query: QueryEvidence) -> GivenQuery:
    """The statement with its executions, the tables it read, and what its last execution takes."""
    return GivenQuery(
        record=query_record(query),
        last=replace(query.executions[-1], plans=[], params=(), types=(), formats=()),
        writes=query.writes,
        calls=query.calls,
        rows=sum(map(rows_scanned, _nodes(query))),
        reads=tuple(dict.fromkeys(_reads(query, place.facts.ancestors))),
        seconds=_seconds(place, query),
    )


def _nodes(query: QueryEvidence) -> Iterator[Node]:
    return (node for one in query.executions for document in one.plans for node in parsed(document).nodes)


def _reads(query: QueryEvidence, ancestors: Ancestors) -> Iterator[str]:
    """Tables by the names in the plans, partitioned ones for their partitions."""
    for node in _nodes(query):
        if node.relation:
            name = f"{node.schema}.{node.relation}" if node.schema else node.relation
            above = ancestors.get(name, ())
            yield ".".join(above[-1]) if above else name


def _seconds(place: Place, query: QueryEvidence) -> tuple[float, ...]:
    """Of a statement that reads, on a connection without capture; none where it fails there."""
    import psycopg

    last = query.executions[-1]
    if kind(last.sql) is not Kind.READ or last.error:
        return ()
    taken: list[float] = []
    try:
        with place.calling([last]) as call:
            started = perf_counter()
            while len(taken) < WARM_UP + SAMPLES and perf_counter() - started < LONGEST:
                taken.append(call())
    except psycopg.Error:
        return ()
    return tuple(taken[WARM_UP:])
