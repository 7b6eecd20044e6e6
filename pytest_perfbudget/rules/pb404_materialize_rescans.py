"""PB404 materialize-rescans

What it finds
    A Materialize that was read 100 times or more and handed out 100,000 rows or more in all.

Why it matters
    The rows were fetched once, which looks cheap; then they are compared with every outer row. Blocks do not show it,
    processor time does.

Example
    SELECT count(*) FROM customers c JOIN orders o ON o.total > c.id
        Nested Loop   Join Filter: o.total > (c.id)::numeric
          Seq Scan on orders o
          Materialize                                read 40,000 times, 80,000,000 rows
            Seq Scan on customers c

Use instead
    A condition with = that can be hashed or merged; an index on the inner table that the condition can use.

Options
    loops    times it was read (100)
    rows     rows handed out, over all loops (100,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import PRODUCED, fewest, rows
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Materialize"):
        if node.loops >= thresholds["loops"] and fewest(node, PRODUCED) >= thresholds["rows"]:
            words = f"read {format_count(node.loops)} times, handed out {format_count(rows(node))} rows"
            yield Hit(RULE.code, RULE.name, _kept(node), words, node)


def _kept(materialize: Node) -> str | None:
    """The first table whose rows it keeps."""
    return next((node.alias or node.relation for node in materialize.walk() if node.relation), None)


RULE = Rule("PB404", "materialize-rescans", frozenset({"analyze"}), _check, __doc__, {"loops": 100, "rows": 100_000})
