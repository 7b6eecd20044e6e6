"""PB211 function-on-indexed-column

What it finds
    A filter that compares a function, a cast or a calculation of a column, where an index begins with that column and
    none with that expression.

Why it matters
    An index on email is sorted by email, not by lower(email): it cannot be searched for it, and the table is read.

Example
    SELECT id FROM users WHERE lower(email) = 'a@b.c'        with an index on (email)
        Seq Scan on users   Filter: lower(email) = ?

Use instead
    The bare column, with the calculation on the other side:   WHERE placed >= '2026-03-01' AND placed < '2026-03-02'
    or an index on the expression:                             CREATE INDEX ON users (lower(email));

Options
    pages    8 kB pages of the table; smaller tables are not looked at (10)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.blocked import Blocked, blocked
from pytest_perfbudget.rules.casts import promotes, spelled
from pytest_perfbudget.rules.subject import Subject


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for found in blocked(subject, thresholds["pages"]):
        if not implicit(found, subject.sql):
            words = f"{found.index.name} on {found.column} cannot serve {normalise(found.text)}"
            yield Hit(RULE.code, RULE.name, found.relation, words, found.node)


def implicit(found: Blocked, sql: str) -> bool:
    """Whether PostgreSQL put the cast there itself: PB212 speaks of those."""
    cast, alias = found.operand.cast, found.node.alias
    promoted = bool(cast) and promotes(found.table.columns[found.column], cast or "")
    return promoted and not spelled(sql, found.column, alias, cast or "")


RULE = Rule(
    "PB211", "function-on-indexed-column", frozenset({"plan", "catalogue", "sql"}), _check, __doc__, {"pages": 10}
)
