"""PB206 lossy-bitmap

What it finds
    A Bitmap Heap Scan that read 100 blocks or more without knowing which of their rows it wanted, and half or more of
    its blocks. Majors up to 17 show the blocks of the leader of a parallel scan alone. A scan with lossy blocks alone
    has a BRIN index, which knows nothing else: its rows are PB205's.

Why it matters
    A bitmap that does not fit into work_mem forgets the rows and remembers the blocks; every row of such a block is
    compared again, and the plan does not say so until it runs.

Example
    SELECT * FROM orders WHERE customer_id BETWEEN 10 AND 900
        Bitmap Heap Scan on orders   Recheck Cond: customer_id >= ? AND customer_id <= ?        420 of 520 blocks lossy

Use instead
    A larger work_mem for this statement, a condition that selects fewer rows, or a table in the order of the column:
    CLUSTER orders USING orders_customer_idx;

Options
    blocks    lossy blocks (100)
    share     lossy ÷ all blocks of the scan (0.5)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import heap_blocks
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    for node in subject.plan.of("Bitmap Heap Scan"):
        exact, lossy = heap_blocks(node)
        if exact and lossy >= thresholds["blocks"] and lossy >= thresholds["share"] * (exact + lossy):
            condition = normalise(node.text("Recheck Cond") or "")
            words = f"{format_count(lossy)} of {format_count(exact + lossy)} blocks lossy, Recheck Cond: {condition}"
            yield Hit(RULE.code, RULE.name, node.alias or node.relation, words, node)


RULE = Rule("PB206", "lossy-bitmap", frozenset({"analyze"}), _check, __doc__, {"blocks": 100, "share": 0.5})
