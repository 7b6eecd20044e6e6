"""PB302 hash-spill

What it finds
    The Hash of a hash join that did not fit into work_mem × hash_mem_multiplier and was split into batches on disk. A
    hashed Aggregate is PB303's.

Why it matters
    All rows but those of the first batch are written to temporary files and read again, on both sides of the join.

Example
    SELECT count(*) FROM orders o JOIN items i ON i.order_id = o.id
        Hash        16 batches

Use instead
    A condition that makes the hashed side smaller, an index that allows another join, or a larger work_mem for this
    statement.

Options
    batches    the most that are accepted (1)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import hash_batches
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Hash"):
        batches = hash_batches(node)
        if batches > thresholds["batches"]:
            yield Hit(RULE.code, RULE.name, None, f"hashed in {format_count(batches)} batches", node)


RULE = Rule("PB302", "hash-spill", frozenset({"analyze"}), _check, __doc__, {"batches": 1})
