"""PB504 lost-parallelism

What it finds
    A plan without parallel workers, where the recorded one had them, that looked at 100,000 rows or more in one node.

Why it matters
    The work is the same and one process does it alone. A function that is not marked PARALLEL SAFE, a cursor, a
    SERIALIZABLE transaction of an old major or a setting is enough.

Example
    SELECT count(*) FROM orders WHERE checked(total)
        Aggregate                                       was Gather, 2 workers planned
          Seq Scan on orders   Filter: checked(total)   looked at 400,000 rows

Use instead
    ALTER FUNCTION checked(numeric) PARALLEL SAFE, if it is; SHOW max_parallel_workers_per_gather. The profile that
    tests are planned with has 0 of them, so the rule speaks only where the test or its role sets another number.

Options
    rows    rows looked at by one node, over all loops (100,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import rows_scanned
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count

_GATHERS = ("Gather", "Gather Merge")


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    nodes = list(subject.plan.root.walk())
    if any(node.type in _GATHERS for node in nodes) or not any(map(_parallel, subject.baseline)):
        return
    largest = max(nodes, key=rows_scanned)
    if rows_scanned(largest) >= thresholds["rows"]:
        words = f"looked at {format_count(rows_scanned(largest))} rows in one process, was parallel"
        yield Hit(RULE.code, RULE.name, largest.alias or largest.relation, words, largest)


def _parallel(line: str) -> bool:
    """Whether a line of the recorded plan is a Gather, of a subplan too: ``InitPlan: Gather``."""
    node = line.strip().partition("   ")[0].rpartition(": ")[2]
    return node in _GATHERS


RULE = Rule("PB504", "lost-parallelism", frozenset({"analyze", "baseline"}), _check, __doc__, {"rows": 100_000})
