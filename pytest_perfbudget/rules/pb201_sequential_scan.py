"""PB201 sequential-scan

What it finds
    A Seq Scan that looked at 10,000 rows or more, over all its loops: rows returned and rows its filter threw away.

Why it matters
    Its work grows with the table, not with the result. Tests run on small tables hide it; production does not.

Example
    SELECT * FROM orders WHERE customer_id = 42
        Seq Scan on orders   Filter: customer_id = ?        looked at 200,000 rows to return 20

Use instead
    An index on the columns of the filter:   CREATE INDEX ON orders (customer_id);
    A statement that is meant to read the whole table keeps its scan: waive the rule for its budget.

Options
    rows    rows looked at, over all loops (10,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import PRODUCED, REMOVED, fewest, rows, rows_scanned
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Seq Scan"):
        if fewest(node, PRODUCED, *REMOVED) >= thresholds["rows"]:
            words = f"looked at {format_count(rows_scanned(node))} rows to return {format_count(rows(node))}"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, words, node)


RULE = Rule("PB201", "sequential-scan", frozenset({"analyze"}), _check, __doc__, {"rows": 10_000})
