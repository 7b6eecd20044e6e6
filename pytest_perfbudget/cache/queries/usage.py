"""What PostgreSQL has counted of the statements of a database, where no access log tells which keys were asked for.

``pg_stat_statements`` has calls and mean time of each statement, with ``$1`` for each constant and parameter. So it
foretells the calls of statements that have neither; of the others it knows how often and how long, which an access log
of a part of the traffic does not. Answers of Redis never reach PostgreSQL: those of the cache that asks are added.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import errors

from pytest_perfbudget.cache.queries import questions
from pytest_perfbudget.cache.queries.accesses import HIT, AccessLog
from pytest_perfbudget.cache.queries.calls import Call, call
from pytest_perfbudget.cache.queries.forecast import Rate, Worth, valuable, weighed
from pytest_perfbudget.cache.queries.state import State
from pytest_perfbudget.cache.queries.steps import Sql, Steps
from pytest_perfbudget.errors import CacheError

_NORMALISED = re.compile(r"\$\d")
_SCHEMA = """SELECT to_json((SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n
    ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'))::text"""
_COUNTED = """SELECT json_build_object('seconds', extract(epoch FROM clock_timestamp() - i.stats_reset),
    'left_out', i.dealloc, 'statements', (SELECT coalesce(json_agg(json_build_array(query, calls, seconds)), '[]')
        FROM (SELECT query, sum(calls) AS calls, sum(total_exec_time) / sum(calls) / 1000 AS seconds
            FROM {schema}.pg_stat_statements WHERE toplevel AND calls > 0 AND query IS NOT NULL
            AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user) GROUP BY query) AS counted))::text
    FROM {schema}.pg_stat_statements_info i"""


@dataclass(frozen=True, slots=True)
class Usage:
    """How often reads of one database and role were asked for; ``left_out`` is how often PostgreSQL has dropped
    statements to make room for others (``pg_stat_statements.max``), of which nothing is known."""

    rates: Mapping[str, Rate]
    """Of each statement, by its fingerprint: asked for each second, and what one execution takes."""
    texts: Mapping[str, str]
    """Of the statements without constants and parameters, as PostgreSQL was sent them."""
    left_out: int

    def ranked(self, now: float, horizon: float) -> Sequence[Worth[Call]]:
        """The calls of statements without parameters, the most valuable first."""
        return valuable(self.plain(horizon), HIT)

    def weighed(self, log: AccessLog) -> Weighed:
        """The calls that ``log`` knows, each as often as its share of its statement's calls there says, the statement
        as often as PostgreSQL says; and those of statements without parameters that it does not know."""
        return Weighed(self, log)

    def plain(self, horizon: float) -> list[Worth[Call]]:
        """Those calls in any order."""
        found = ((call(text, None), self.rates[name]) for name, text in self.texts.items())
        return [Worth(one, rate.asked * horizon, rate.seconds) for one, rate in found if isinstance(one, Call)]


@dataclass(frozen=True, slots=True)
class Weighed:
    """An access log, its statements as frequent and as long as PostgreSQL has counted."""

    usage: Usage
    log: AccessLog

    def ranked(self, now: float, horizon: float) -> Sequence[Worth[Call]]:
        """The calls worth executing before the ``horizon`` seconds after ``now``, the most valuable first."""
        logged = self.log.expected(now, horizon)
        known = {one.key.fingerprint for one in logged}
        plain = [one for one in self.usage.plain(horizon) if one.key.fingerprint not in known]
        return valuable([*weighed(logged, lambda one: one.fingerprint, self.usage.rates, horizon), *plain], HIT)


def usage_of(state: State) -> Steps[Usage]:
    """Of the connection's database and role. Raises CacheError where the extension is not there."""
    schema = questions.value((yield Sql(_SCHEMA)))
    if schema is None:
        raise CacheError(
            "the extension pg_stat_statements is not installed in this database",
            remedy="CREATE EXTENSION pg_stat_statements, with it in shared_preload_libraries",
        )
    try:
        found = questions.value((yield Sql(_COUNTED.format(schema=schema))))
    except errors.ObjectNotInPrerequisiteState:
        raise CacheError(
            "pg_stat_statements is installed, but PostgreSQL has not loaded it",
            remedy="ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements', and restart PostgreSQL",
        ) from None
    return counted(found, dict(state.answered), max(state.wall() - state.since, 1.0))


def counted(found: Mapping[str, Any], answered: Mapping[str, int], seconds: float) -> Usage:
    """Of PostgreSQL's answer, and of the calls that a cache has answered from Redis in so many seconds."""
    period = max(found["seconds"], 1.0)
    rates: dict[str, Rate] = {}
    texts: dict[str, str] = {}
    for text, calls, each in found["statements"]:
        asked = call(text, None)
        if isinstance(asked, Call):
            before = rates.get(asked.fingerprint, Rate(answered.get(asked.fingerprint, 0) / seconds, 0.0, 0.0))
            rates[asked.fingerprint] = before.plus(calls / period, each + HIT)  # the turn, which a hit takes as well
            if not _NORMALISED.search(text):
                texts[asked.fingerprint] = text
    return Usage(rates, texts, found["left_out"])
