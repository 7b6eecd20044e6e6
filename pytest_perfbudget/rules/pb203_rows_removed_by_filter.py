"""PB203 rows-removed-by-filter

What it finds
    A scan other than a Seq Scan whose filter threw away 1,000 rows or more, and 90 % or more of what it looked at.

Why it matters
    The index found the rows by one condition, and the table had to be visited to drop nearly all of them by another.

Example
    SELECT * FROM orders WHERE status = 'done' AND total = 7
        Index Scan using orders_status_placed_idx on orders   Index Cond: status = ?   Filter: total = ?
                                                              removed 39,160 of 39,200 rows

Use instead
    An index with both columns, the one compared with = first:   CREATE INDEX ON orders (status, total);
    or a partial index, where one of the values is fixed:        CREATE INDEX ON orders (total) WHERE status = 'done';

Options
    rows     rows removed, over all loops (1,000)
    share    removed ÷ looked at (0.9)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import FILTERED, PRODUCED, fewest, most, rows, rows_filtered
from pytest_perfbudget.plans.labels import SCANS
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count

_SCANS = tuple(sorted(SCANS - {"Seq Scan"}))


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of(*_SCANS):
        least = fewest(node, FILTERED)
        few = least < thresholds["rows"] or least < thresholds["share"] * (least + most(node, PRODUCED))
        if not few:
            removed = rows_filtered(node)
            looked = removed + rows(node)
            condition = normalise(node.text("Filter") or "")
            words = f"removed {format_count(removed)} of {format_count(looked)} rows, Filter: {condition}"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, words, node)


RULE = Rule("PB203", "rows-removed-by-filter", frozenset({"analyze"}), _check, __doc__, {"rows": 1_000, "share": 0.9})
