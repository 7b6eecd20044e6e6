"""PB303 hash-aggregate-spill

What it finds
    A hashed Aggregate (GROUP BY, DISTINCT, UNION) that did not fit into work_mem × hash_mem_multiplier and wrote groups
    to disk, in the leader or in a parallel worker.

Why it matters
    Rows of the groups that found no room are written to temporary files, read, and grouped again, more than once where
    there are many groups.

Example
    SELECT note, count(*) FROM orders GROUP BY note
        HashAggregate   Group Key: note        85 batches, 1,872 kB on disk

Use instead
    An index that gives the groups in order:   CREATE INDEX ON orders (note);
    fewer columns in GROUP BY (a primary key stands for all columns of its table), or a larger work_mem for this
    statement.

Options
    batches    the most that are accepted (1)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import group_batches
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Aggregate"):
        batches = group_batches(node)
        if batches > thresholds["batches"]:
            size = node.number("Disk Usage")
            disk = f", {format_count(size)} kB on disk" if size else ""
            keys = ", ".join(map(normalise, node.texts("Group Key")))
            words = f"grouped in {format_count(batches)} batches{disk}" + (f", Group Key: {keys}" if keys else "")
            yield Hit(RULE.code, RULE.name, None, words, node)


RULE = Rule("PB303", "hash-aggregate-spill", frozenset({"analyze"}), _check, __doc__, {"batches": 1})
