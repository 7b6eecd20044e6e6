"""PB402 nested-loop-explosion

What it finds
    A Nested Loop whose inner side was executed 1,000 times or more, touched 10,000 blocks or more, and half or more of
    the blocks of the whole statement. An inner Seq Scan is PB401's.

Why it matters
    Each outer row starts the inner side anew. Looked up in an index that is three or four blocks at best, and the same
    blocks again and again where a hash or merge join would read each once. It is the usual outcome of an estimate of
    one outer row that turned out to be thousands.

Example
    SELECT … FROM orders o JOIN items i ON i.order_id = o.id WHERE o.note LIKE 'n1%'
        Nested Loop        inner side executed 11,111 times, touched 44,444 of 44,900 blocks
          Seq Scan on orders o   Filter: note ~~ ?
          Index Scan using items_pkey on items i   Index Cond: order_id = o.id

Use instead
    Statistics that tell the planner how many outer rows there are: ANALYZE, a higher statistics target, CREATE
    STATISTICS for columns that depend on each other; or a condition that makes them fewer.

Options
    loops     executions of the inner side (1,000)
    blocks    blocks it touched, over all loops (10,000)
    share     of the blocks of the statement (0.5)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import blocks
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    floor = max(thresholds["blocks"], thresholds["share"] * blocks(subject.plan.root))
    for loop in subject.plan.of("Nested Loop"):
        for inner in loop.children:
            if inner.relationship != "Inner" or inner.type == "Seq Scan" or inner.loops < thresholds["loops"]:
                continue
            if blocks(inner) >= floor:
                touched = f"{format_count(blocks(inner))} of {format_count(blocks(subject.plan.root))} blocks"
                words = f"inner side executed {format_count(inner.loops)} times, touched {touched}"
                yield Hit(RULE.code, RULE.name, inner.alias or inner.relation, words, loop)


RULE = Rule(
    "PB402",
    "nested-loop-explosion",
    frozenset({"analyze", "buffers"}),
    _check,
    __doc__,
    {"loops": 1_000, "blocks": 10_000, "share": 0.5},
)
