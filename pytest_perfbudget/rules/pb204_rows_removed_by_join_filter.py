"""PB204 rows-removed-by-join-filter

What it finds
    A join whose Join Filter threw away 10,000 pairs of rows or more, and 90 % or more of those it looked at.

Why it matters
    The pairs were formed by another condition, or by none, and most were formed in vain. Their number is a product.

Example
    SELECT * FROM customers c JOIN orders o ON o.total > c.id
        Nested Loop   Join Filter: o.total > (c.id)::numeric        removed 478,012 of 480,000 pairs

Use instead
    A condition with = that can be hashed, merged or looked up in an index, beside the one that stays;
    for ranges, a GiST index on a range type:   CREATE INDEX ON prices USING gist (valid);

Options
    rows     pairs removed, over all loops (10,000)
    share    removed ÷ looked at (0.9)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import JOIN_FILTERED, PRODUCED, fewest, most, rows
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Nested Loop", "Hash Join", "Merge Join"):
        least = fewest(node, JOIN_FILTERED)
        if least >= thresholds["rows"] and least >= thresholds["share"] * (least + most(node, PRODUCED)):
            removed = round(node.number(JOIN_FILTERED) * node.loops)
            condition = normalise(node.text("Join Filter") or "")
            words = f"removed {format_count(removed)} of {format_count(removed + rows(node))} pairs"
            yield Hit(RULE.code, RULE.name, None, f"{words}, Join Filter: {condition}", node)


RULE = Rule(
    "PB204", "rows-removed-by-join-filter", frozenset({"analyze"}), _check, __doc__, {"rows": 10_000, "share": 0.9}
)
