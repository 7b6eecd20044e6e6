"""PB208 unservable-condition

What it finds
    A filter that no index can serve: planned once more with enable_seqscan = off, PostgreSQL still reads the table with
    a Seq Scan (marked Disabled on 18, at a cost of 1e10 or more below), or walks a whole index and filters it.

Why it matters
    Whatever the statistics say, today and in production, this statement reads the whole table. A plan that happens to
    be a Seq Scan because the table is small becomes another one when it grows; this one does not.

Example
    SELECT * FROM orders WHERE note LIKE '%gift%'
        Seq Scan on orders   Filter: note ~~ ?         with enable_seqscan = off too

Use instead
    An index on what the condition compares:   CREATE INDEX ON orders (total);
    for words within a text, a trigram or full-text index:   CREATE INDEX ON orders USING gin (note gin_trgm_ops);

Options
    pages    8 kB pages of the table; smaller tables are not looked at (10)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.plans.walks import disabled, walked
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.rules.tables import named, root


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    assert subject.seqscan_off
    assert subject.catalogue
    unserved = {(node.relation, node.alias): node for node in subject.plan.root.walk() if _reads_all(node)}
    seen = set()
    for node in subject.seqscan_off.root.walk():
        table = subject.catalogue.table(node.relation, node.schema)
        how = _still(node)
        if not table or not how or (node.relation, node.alias) not in unserved or table.pages < thresholds["pages"]:
            continue
        top = root(subject.catalogue, table)
        condition = node.text("Filter") or ""
        key = (top.qualified, condition, node.alias if top is table else None)
        if key not in seen:
            seen.add(key)
            words = f"no index can serve Filter: {normalise(condition)}; {how}"
            yield Hit(RULE.code, RULE.name, named(node, top, table), words, unserved[node.relation, node.alias])


def _reads_all(node: Node) -> bool:
    return bool(walked(node) or (node.type == "Seq Scan" and node.text("Filter")))


def _still(node: Node) -> str | None:
    """What a scan is though sequential scans are off; None where an index serves it."""
    if node.type == "Seq Scan" and node.text("Filter") and disabled(node):
        return "a Seq Scan with enable_seqscan = off too"
    index = walked(node)
    return f"with enable_seqscan = off it walks the whole of {index}" if index else None


RULE = Rule(
    "PB208", "unservable-condition", frozenset({"plan", "catalogue", "seqscan_off"}), _check, __doc__, {"pages": 10}
)
