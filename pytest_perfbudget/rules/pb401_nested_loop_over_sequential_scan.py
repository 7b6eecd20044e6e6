"""PB401 nested-loop-over-sequential-scan

What it finds
    A Seq Scan on the inner side of a Nested Loop that was executed again for each outer row and looked at 10,000 rows
    or more in all. A scan behind a Materialize, a Memoize or a Hash that ran once does not count.

Why it matters
    Its work is the product of two tables.

Example
    SELECT count(*) FROM customers c JOIN orders o ON o.total = c.id
        Nested Loop   Join Filter: (c.id)::numeric = o.total
          Seq Scan on customers c
          Seq Scan on orders o                  executed 12 times, looked at 480,000 rows

Use instead
    An index on the column that joins the inner table:   CREATE INDEX ON orders (total);
    Types that are equal on both sides: with them PostgreSQL can hash or merge as well.

Options
    rows    rows looked at, over all loops (10,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import PRODUCED, REMOVED, fewest, rows_scanned
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    found: set[Node] = set()
    for loop in subject.plan.of("Nested Loop"):
        for node in _inner_scans(loop):
            # Parallel workers execute every node once each: more often than the loop itself means once per row.
            few = fewest(node, PRODUCED, *REMOVED) < thresholds["rows"]
            if node in found or node.loops <= loop.loops or few:
                continue
            found.add(node)
            words = f"executed {format_count(node.loops)} times, looked at {format_count(rows_scanned(node))} rows"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, words, node)


def _inner_scans(loop: Node) -> Iterator[Node]:
    waiting = [child for child in loop.children if child.relationship == "Inner"]
    while waiting:
        node = waiting.pop()
        if node.type == "Seq Scan":
            yield node
        waiting.extend(child for child in node.children if child.relationship not in ("InitPlan", "SubPlan"))


RULE = Rule("PB401", "nested-loop-over-sequential-scan", frozenset({"analyze"}), _check, __doc__, {"rows": 10_000})
