"""PB502 never-analyzed-table

What it finds
    A table of 10 pages or more in the plan of which the planner has no statistics: ANALYZE never ran on it. Temporary
    tables and tables filled within the same transaction are the usual ones; a temporary table is gone when it is asked
    for, and then the rule says that it could not be judged.

Why it matters
    The planner guesses: a condition with = returns 0.5 % of the rows, any range a third. Joins are then chosen by luck,
    and another plan may be taken as soon as autovacuum has come by.

Example
    CREATE TABLE picked AS SELECT id FROM orders WHERE status = 'open';
    SELECT * FROM picked JOIN orders USING (id)
        Hash Join
          Seq Scan on picked                            pages 45, never analysed

Use instead
    ANALYZE picked; after it was filled. The seed of a test database is analysed by the plugin.

Options
    pages    8 kB pages of the table; smaller tables are not looked at (10)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.rules.tables import named_by, root
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    assert subject.catalogue
    tops = set()
    for node, table in named_by(subject):
        if (table and (table.analysed or table.pages < thresholds["pages"])) or not _of_user(node):
            continue
        top = root(subject.catalogue, table) if table else None
        key = top.qualified if top else node.relation
        if key in tops:
            continue
        tops.add(key)
        if table and top:
            words = f"{table.name} has {format_count(table.pages)} pages and was never analysed"
            yield Hit(RULE.code, RULE.name, top.name, words, node)
        else:
            words = f"not judged: {node.relation} is not in the catalogue, such as a temporary table that is gone"
            yield Hit(RULE.code, RULE.name, node.relation, words, node, judged=False)


def _of_user(node: Node) -> bool:
    """Whether its table is not one of PostgreSQL's own."""
    return node.schema not in ("pg_catalog", "information_schema") and not (node.relation or "").startswith("pg_")


RULE = Rule("PB502", "never-analyzed-table", frozenset({"plan", "catalogue"}), _check, __doc__, {"pages": 10})
