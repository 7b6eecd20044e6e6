"""Evidence that rules ask for beyond the executed plans, gathered only for the statements it is asked of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_perfbudget.capture.again import Tried, try_generic, without_seqscan
from pytest_perfbudget.capture.replay import count_work_again
from pytest_perfbudget.model import Catalogue, GenericEvidence, PlanEvidence, QueryEvidence, TestEvidence
from pytest_perfbudget.plans.fingerprint import VERSION, fingerprint
from pytest_perfbudget.plans.labels import indexes
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.recent import parsed
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.plans.work import cost
from pytest_perfbudget.postgres.relations import catalogue
from pytest_perfbudget.rules.subject import Need
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.statements import Kind, kind

if TYPE_CHECKING:
    import psycopg

_T = TypeVar("_T")
Needs = Mapping[str, Collection[Need]]
"""The key of a query → what is to be known of it."""


class Prober:
    """One per process. The catalogue of the seeded database is read once."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._seeded: Catalogue | None = None

    def read_catalogue(self) -> None:
        """Read it now, before a test has touched the database."""
        if self._seeded is None:
            with self._place.quiet() as connection:
                self._seeded = catalogue(connection)

    def gather(self, evidence: TestEvidence, needs: Needs) -> TestEvidence:
        """The evidence with what is asked of its queries and not there yet."""
        queries = tuple(self._probed(query, set(needs.get(query.key, ()))) for query in evidence.queries)
        return replace(evidence, queries=_reachable(queries))

    def _probed(self, query: QueryEvidence, needs: set[Need]) -> QueryEvidence:
        planned = [statement for statement in query.executions if statement.planned and not statement.error]
        if not planned:
            return query
        probes = query.probes
        if "catalogue" in needs and probes.catalogue is None:
            query = replace(query, probes=replace(probes, catalogue=self._catalogue(query)))
        if "seqscan_off" in needs and probes.seqscan_off is None:
            query = self._asked(query, "seqscan_off", lambda c: without_seqscan(c, planned[-1]), _with_seqscan_off)
        if "generic" in needs and probes.generic is None and planned[0].params:
            query = self._asked(query, "generic", lambda c: try_generic(c, planned), _with_generic)
        if "timing" in needs and probes.timed is None and kind(planned[-1].sql) is Kind.READ:
            query = self._asked(query, "timing", lambda c: count_work_again(c, planned[-1]), _with_times)
        return query

    def _asked(
        self,
        query: QueryEvidence,
        need: Need,
        ask: Callable[[psycopg.Connection[Any]], _T],
        take: Callable[[QueryEvidence, _T], QueryEvidence],
    ) -> QueryEvidence:
        """The query with the server's answer, or with the reason why there is none."""
        import psycopg

        try:
            with self._place.quiet() as connection:
                return take(query, ask(connection))
        except psycopg.Error as error:
            state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
            why = {**query.probes.why, need: f"the server refused it: {str(error).splitlines()[0]}{state}"}
            return replace(query, probes=replace(query.probes, why=why))

    def _catalogue(self, query: QueryEvidence) -> Catalogue:
        """That of the seeded database, unless the plans name what it does not have: then what is there now."""
        if self._seeded and _covers(self._seeded, query):
            return self._seeded
        with self._place.quiet() as connection:
            return catalogue(connection)


def _covers(known: Catalogue, query: QueryEvidence) -> bool:
    names = {table.name for table in known.tables.values()}
    named = {index.name for table in known.tables.values() for index in table.indexes}
    nodes = (node for one in query.executions for document in one.plans for node in parsed(document).root.walk())
    return all(
        (not node.relation or node.relation in names) and all(name in named for name in indexes(node)) for node in nodes
    )


def _with_seqscan_off(query: QueryEvidence, document: dict[str, Any]) -> QueryEvidence:
    return replace(query, probes=replace(query.probes, seqscan_off=document))


def _with_times(query: QueryEvidence, document: dict[str, Any]) -> QueryEvidence:
    return replace(query, probes=replace(query.probes, timed=document))


def _with_generic(query: QueryEvidence, tried: Tried) -> QueryEvidence:
    plan = parse(tried.document)
    shown = PlanEvidence(fingerprint(plan), VERSION, 0, tree(plan), "explain")
    found = GenericEvidence(shown, cost(plan), round(fmean(tried.custom), 2), tried.switches, tried.switches)
    return replace(query, generic=found, probes=replace(query.probes, generic=tried.document))


def _reachable(queries: Iterable[QueryEvidence]) -> tuple[QueryEvidence, ...]:
    """Cases of one statement are one prepared statement: what one of them switches, the others get."""
    queries = tuple(queries)
    switching = {query.id for query in queries if query.generic and query.generic.switches}
    return tuple(
        replace(query, generic=replace(query.generic, reachable=query.id in switching)) if query.generic else query
        for query in queries
    )
