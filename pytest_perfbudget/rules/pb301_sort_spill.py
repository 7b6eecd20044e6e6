"""PB301 sort-spill

What it finds
    A Sort or an Incremental Sort that did not fit into work_mem and went to temporary files, in the leader or in a
    parallel worker.

Why it matters
    Every row is written and read again, once per merge pass, and the disk is shared with everybody else.

Example
    SELECT * FROM orders ORDER BY note, total
        Sort   Sort Key: note, total        external merge, 2,552 kB on disk

Use instead
    An index that gives the order:   CREATE INDEX ON orders (note, total);
    fewer or narrower rows to sort (LIMIT, fewer columns), or a larger work_mem for this statement.

Options
    none
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import sort_spilled
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Sort", "Incremental Sort"):
        if sort_spilled(node):
            size = node.number("Sort Space Used")
            disk = f": {format_count(size)} kB" if size else ""
            words = f"sorted on disk{disk}, Sort Key: {', '.join(node.texts('Sort Key'))}"
            yield Hit(RULE.code, RULE.name, None, words, node)


RULE = Rule("PB301", "sort-spill", frozenset({"analyze"}), _check, __doc__)
