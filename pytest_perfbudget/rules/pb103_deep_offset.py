"""PB103 deep-offset

What it finds
    A Limit that threw away 1,000 rows or more before it returned its first: a large OFFSET.

Why it matters
    The rows that are skipped are found, sorted and fetched like those that are returned. Page 500 costs 500 times what
    page 1 costs, and rows that are inserted meanwhile shift the pages.

Example
    SELECT id, total FROM orders ORDER BY id LIMIT 20 OFFSET 30000
        Limit                                                    returned 20 rows of 30,020, skipped 30,000
          Index Scan using orders_pkey on orders

Use instead
    The last key seen as the place to go on from:   WHERE id > 30000 ORDER BY id LIMIT 20

Options
    rows    rows thrown away, over all loops (1,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import rows
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.root.walk():
        if node.type != "Limit":
            continue
        below = sum(rows(child) for child in node.children if child.relationship not in ("InitPlan", "SubPlan"))
        skipped = below - rows(node)
        if skipped >= thresholds["rows"]:
            returned = f"returned {format_count(rows(node))} rows of {format_count(below)}"
            yield Hit(RULE.code, RULE.name, None, f"{returned}, skipped {format_count(skipped)}", node)


RULE = Rule("PB103", "deep-offset", frozenset({"analyze"}), _check, __doc__, {"rows": 1_000})
