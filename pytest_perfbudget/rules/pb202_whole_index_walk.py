"""PB202 whole-index-walk

What it finds
    An Index Scan, Index Only Scan or Bitmap Index Scan without an Index Cond whose rows are then filtered: the index is
    read from one end towards the other. With ANALYZE, only where it looked at 10,000 rows or more: a walk that a LIMIT
    or a merge join stops early does not count. Without ANALYZE, by its shape alone.

Why it matters
    It carries the name of an index and does the work of a sequential scan, or more. It is also what a check with
    ``enable_seqscan = off`` gets where no index can serve the condition.

Example
    SELECT sku FROM items WHERE qty % 9 = 3          with an index on (sku, qty)
        Index Only Scan using items_sku_idx on items   Filter: (qty % ?) = ?        looked at 80,000 rows

Use instead
    An index that begins with what the condition compares:   CREATE INDEX ON items ((qty % 9), sku);

Options
    rows    rows looked at, over all loops (10,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import PRODUCED, REMOVED, fewest, rows_scanned
from pytest_perfbudget.plans.walks import walked
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Index Scan", "Index Only Scan", "Bitmap Heap Scan"):
        few = subject.plan.analyzed and fewest(node, PRODUCED, *REMOVED) < thresholds["rows"]
        index = None if few else walked(node)
        if index:
            looked = f"looked at {format_count(rows_scanned(node))} rows of" if subject.plan.analyzed else "walks"
            words = f"{looked} {index} without an Index Cond, Filter: {normalise(node.text('Filter') or '')}"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, words, node)


RULE = Rule("PB202", "whole-index-walk", frozenset({"plan"}), _check, __doc__, {"rows": 10_000})
