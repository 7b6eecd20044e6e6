"""PB212 implicit-type-mismatch

What it finds
    A comparison for which PostgreSQL casts an indexed column, not the value: the parameter or the other column has a
    type that the column's is converted to (bigint to numeric, char to text), and the statement does not say so.

Why it matters
    The index is on the column, not on its cast, so the table is read. Nothing in the SQL shows it; drivers choose the
    type of a parameter by the value they are given, so a Decimal or a float where an int was meant is enough.

Example
    cursor.execute("SELECT * FROM orders WHERE id = %s", [Decimal(42)])
        Seq Scan on orders   Filter: (id)::numeric = ?

Use instead
    A value of the column's type in the application, or a cast of the parameter:   WHERE id = %s::bigint
    Between columns, the same type on both sides.

Options
    pages    8 kB pages of the table; smaller tables are not looked at (10)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.blocked import blocked
from pytest_perfbudget.rules.pb211_function_on_indexed_column import implicit
from pytest_perfbudget.rules.subject import Subject


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for found in blocked(subject, thresholds["pages"]):
        if implicit(found, subject.sql):
            types = f"{found.column} is {found.table.columns[found.column]} and compared as {found.operand.cast}"
            words = f"{types}, so {found.index.name} cannot serve {normalise(found.text)}"
            yield Hit(RULE.code, RULE.name, found.relation, words, found.node)


RULE = Rule("PB212", "implicit-type-mismatch", frozenset({"plan", "catalogue", "sql"}), _check, __doc__, {"pages": 10})
