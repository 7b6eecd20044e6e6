"""PB102 wide-rows

What it finds
    A query that returned 10,000 rows or more of 2,000 bytes or more each: 20 MB at least. The width is the planner's,
    from the statistics of the columns; a value stored out of line counts with its pointer alone.

Why it matters
    Blocks, rows and plans stay the same when a column is added to the list, while what is sent, parsed and held in
    memory grows with it. SELECT * also reads values that are stored out of line, each in blocks of its own.

Example
    SELECT * FROM documents
        Seq Scan on documents        returned 12,000 rows of 2,426 bytes

Use instead
    The columns that are used, by name; the text of a document when it is opened, not when it is listed.

Options
    rows     rows returned (10,000)
    width    bytes of a row, as estimated (2,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import rows
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    root = subject.plan.root
    width = root.number("Plan Width")
    if rows(root) >= thresholds["rows"] and width >= thresholds["width"]:
        words = f"returned {format_count(rows(root))} rows of {format_count(width)} bytes"
        yield Hit(RULE.code, RULE.name, None, words, root)


RULE = Rule("PB102", "wide-rows", frozenset({"analyze"}), _check, __doc__, {"rows": 10_000, "width": 2_000})
