"""Which recorded query a query of today is judged against.

The same identity is the same query. Text that was edited has another identity but must not escape its baseline:
what is left on both sides is paired by the function of the call site, then by order.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.model import QueryEvidence

Pairs = list[tuple[QueryRecord | None, QueryEvidence | None]]


def pair(old: Sequence[QueryRecord], new: Sequence[QueryEvidence]) -> Pairs:
    """Every query of both sides once, in the order of ``new``, then what no longer runs."""
    recorded = {record.key: record for record in old}
    partners = {query.key: recorded.pop(query.key) for query in new if query.key in recorded}
    for matches in (_same_function, _same_case):
        for query in (query for query in new if query.key not in partners):
            found = next((record for record in recorded.values() if matches(record, query)), None)
            if found:
                partners[query.key] = recorded.pop(found.key)
    paired: Pairs = [(partners.get(query.key), query) for query in new]
    return paired + [(record, None) for record in recorded.values()]


def _same_function(record: QueryRecord, query: QueryEvidence) -> bool:
    functions = {f"{site.file}:{site.function}" for site in query.sites}
    return record.case == query.case and record.site in functions


def _same_case(record: QueryRecord, query: QueryEvidence) -> bool:
    return record.case == query.case
