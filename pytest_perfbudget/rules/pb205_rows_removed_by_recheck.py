"""PB205 rows-removed-by-recheck

What it finds
    A scan that had to look at its rows again and threw away 1,000 of them or more, and half or more of what the index
    gave it. A bitmap that lost its row pointers is PB206's.

Why it matters
    The index answers only roughly: a GIN index on trigrams, a GiST index on shapes or a BRIN index finds candidates,
    and each candidate costs a visit to the table.

Example
    SELECT * FROM items WHERE sku LIKE '%abc%def%'
        Bitmap Heap Scan on items   Recheck Cond: sku ~~ ?        rechecked 9,800 rows, 9,790 in vain

Use instead
    A condition that selects more (a longer search word), a smaller pages_per_range of the BRIN index or an order of the
    table that follows the column, or an index that answers exactly.

Options
    rows     rows removed, over all loops (1,000)
    share    removed ÷ looked at (0.5)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import FILTERED, PRODUCED, RECHECKED, fewest, heap_blocks, most, rows_scanned
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Bitmap Heap Scan", "Index Scan", "Index Only Scan"):
        least = fewest(node, RECHECKED)
        few = least < thresholds["rows"] or least < thresholds["share"] * (least + most(node, PRODUCED, FILTERED))
        # Some blocks exact, some not: the bitmap was too large. All lossy: a BRIN index.
        if not few and not all(heap_blocks(node)):
            removed = round(node.number(RECHECKED) * node.loops)
            condition = normalise(", ".join(node.texts("Recheck Cond") or node.texts("Index Cond")))
            words = f"rechecked {format_count(rows_scanned(node))} rows, {format_count(removed)} in vain, {condition}"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, words, node)


RULE = Rule("PB205", "rows-removed-by-recheck", frozenset({"analyze"}), _check, __doc__, {"rows": 1_000, "share": 0.5})
