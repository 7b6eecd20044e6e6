"""PB501 misestimate

What it finds
    A scan, a join or a grouping that produced ten times the rows that were planned, or a tenth of them (the q-error),
    with 1,000 rows or more on the larger side, over all loops. The lowest node alone: those above inherit the error.
    Fewer rows than planned count only where the node was read to its end, not where a LIMIT, a merge join or an EXISTS
    stopped it. What reads a CTE or a subquery, and what is beneath a Recursive Union, is not judged.

Why it matters
    The plan was chosen for another number of rows. A nested loop planned for one row and executed for thousands is the
    usual outcome, and the next change of the data may turn the plan over.

Example
    SELECT * FROM orders WHERE status = 'open' AND placed::date = '2024-03-01'
        Seq Scan on orders   Filter: status = ? AND (placed)::date = ?        rows planned 4, produced 4,800

Use instead
    ANALYZE; CREATE STATISTICS (dependencies, mcv) ON status, country FROM orders, where columns depend on each other;
    statistics of an expression:   CREATE STATISTICS ON (placed::date) FROM orders;
    ROWS n for a function that returns a set.

Options
    q_error    planned ÷ produced, or produced ÷ planned (10)
    rows       the larger of both, over all loops (1,000)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.exhausted import exhausted
from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import PRODUCED, fewest, q_error, underestimated
from pytest_perfbudget.plans.labels import JOINS, SCANS, label
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count

_BORROWED = frozenset(("CTE Scan", "Subquery Scan", "WorkTable Scan"))
"""Scans that have their estimate from what they read."""

_JUDGED = (SCANS | JOINS | {"Aggregate", "Group", "Unique", "SetOp", "ProjectSet"}) - _BORROWED

_CONDITIONS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter", "Group Key")


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    ended: frozenset[Node] | None = None
    wrong = []
    for node in subject.plan.nodes:
        if node.type not in _JUDGED or q_error(node) < thresholds["q_error"] or _larger(node) < thresholds["rows"]:
            continue
        ended = exhausted(subject.plan) if ended is None else ended
        if node.loops and (underestimated(node) or node in ended):
            wrong.append(node)
    for node in _lowest(subject.plan, wrong):
        yield Hit(RULE.code, RULE.name, node.alias or node.relation, _words(node), node)


def _larger(node: Node) -> float:
    return max(fewest(node, PRODUCED), node.number("Plan Rows") * node.loops)


def _lowest(plan: Plan, wrong: list[Node]) -> list[Node]:
    """Those with none of the others beneath them, without what stands beneath a Recursive Union or is read again."""
    if not wrong:
        return []
    parents = {child: node for node in plan.nodes for child in node.children}
    above: set[Node] = set()
    found = []
    for node in reversed(wrong):
        path = [node]
        while path[-1] in parents:
            path.append(parents[path[-1]])
        rewound = len(path) > 1 and path[1].type == "Merge Join" and node.relationship == "Inner"
        if node not in above and not rewound and all(over.type != "Recursive Union" for over in path[1:]):
            found.append(node)
        above.update(path[1:])
    return found[::-1]


def _words(node: Node) -> str:
    planned, produced = node.number("Plan Rows"), node.number(PRODUCED)
    each = " each time" if node.loops > 1 else ""
    words = f"rows planned {format_count(planned)}, produced {format_count(produced)}{each}: {label(node)}"
    conditions = [f"{key}: {', '.join(map(normalise, node.texts(key)))}" for key in _CONDITIONS if node.texts(key)]
    return ", ".join([words, *conditions])


RULE = Rule("PB501", "misestimate", frozenset({"analyze"}), _check, __doc__, {"q_error": 10, "rows": 1_000})
