"""PB207 heap-fetches

What it finds
    An Index Only Scan that looked up 100 rows or more in the table, and half or more of the rows it looked at.

Why it matters
    It was chosen because the table need not be visited. That holds for blocks VACUUM has marked as visible to
    everybody; each row of the others costs a visit, as in an Index Scan.

Example
    SELECT count(*) FROM orders WHERE customer_id BETWEEN 10 AND 20
        Index Only Scan using orders_customer_idx on orders        220 heap fetches for 220 rows

Use instead
    VACUUM after loading the data (in a test: in the seed, or after the rows a test adds); in production an autovacuum
    that keeps up with the writes:   ALTER TABLE orders SET (autovacuum_vacuum_insert_scale_factor = 0.02);

Options
    fetches    rows looked up in the table, over all loops (100)
    share      looked up ÷ rows looked at (0.5)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import PRODUCED, REMOVED, heap_fetches, most, rows_scanned
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Index Only Scan"):
        fetches = heap_fetches(node)
        if fetches >= thresholds["fetches"] and fetches >= thresholds["share"] * most(node, PRODUCED, *REMOVED):
            words = f"{format_count(fetches)} heap fetches for {format_count(rows_scanned(node))} rows"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, f"{words} of {node.index}", node)


RULE = Rule("PB207", "heap-fetches", frozenset({"analyze"}), _check, __doc__, {"fetches": 100, "share": 0.5})
