"""Work that looks worse is counted again before it counts.

The first execution on a connection also reads the catalogues (a plpgsql call 219 blocks, then 6), so a figure over its
limit is taken once more, on one connection, twice, and the second is the one. A test that wrote cannot be repeated;
what its fixtures wrote in a transaction that is still open is seen, as that transaction's connection is taken.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_perfbudget.model import QueryEvidence, Statement, TestEvidence, Verdict, Work
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.work import work
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.verdict.gather import totals
from pytest_perfbudget.verdict.judgement import Judgement

MOST = 25
"""Executions of one query that are counted again; with more, the catalogue reads of the first are lost in the sum."""


def recount(evidence: TestEvidence, judgement: Judgement, place: Place) -> TestEvidence | None:
    """The evidence with suspicious work counted again; None where nothing is suspicious or can be repeated."""
    suspicious = any(
        finding.code.startswith("work.") and finding.verdict in (Verdict.OVER, Verdict.REGRESSED)
        for finding in judgement.findings
    )
    if not suspicious or any(query.writes for query in evidence.queries):
        return None
    queries = tuple(_again(query, place, evidence.environment.major) for query in evidence.queries)
    return replace(evidence, queries=queries, totals=totals(queries))


def _again(query: QueryEvidence, place: Place, major: int) -> QueryEvidence:
    if query.work is None or len(query.executions) > MOST:
        return query
    counted = [_least(statement, place, major) for statement in query.executions]
    if any(one is None for one in counted):
        return query
    summed = sum((one for one in counted if one), Work())
    return replace(query, work=summed) if summed.buffers < query.work.buffers else query


def _least(statement: Statement, place: Place, major: int) -> Work | None:
    document = place.count_again(statement)
    return work(parse(document), major) if document else None
