"""PB405 cte-fence

What it finds
    A materialised CTE of 1,000 rows or more of which its readers keep 10 % or less: every CTE Scan of it has a filter,
    or its join drops the others. Not where the CTE is recursive, writes, or ends in an aggregate, a window function, a
    LIMIT or a set operation: no condition can pass those unseen.

Why it matters
    A CTE that is written AS MATERIALIZED or referenced twice is computed as a whole and stored. Conditions of the outer
    query do not reach into it, and no index serves them.

Example
    WITH recent AS MATERIALIZED (SELECT * FROM orders WHERE status = 'done') SELECT * FROM recent WHERE customer_id = 42
        CTE Scan on recent   Filter: customer_id = ?        kept 20 of 39,200 rows
          CTE recent: Seq Scan on orders   Filter: status = ?

Use instead
    AS NOT MATERIALIZED, or a subquery in FROM; or the condition inside the CTE.

Options
    rows     rows of the CTE (1,000)
    share    kept ÷ rows of the CTE (0.1)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.facts import rows, rows_scanned
from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count

_CTE = "CTE "
_PASSED = ("Sort", "Gather", "Gather Merge", "Subquery Scan", "Result", "Append")
_CLOSED = (
    *("Aggregate", "Group", "WindowAgg", "Unique", "SetOp", "Limit", "Recursive Union", "ModifyTable", "LockRows"),
    *("Incremental Sort", "ProjectSet", "Merge Append"),
)
_INNER = ("Inner", "Semi")


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    ctes = [node for node in subject.plan.root.walk() if (node.subplan_name or "").startswith(_CTE)]
    paths = list(subject.plan.root.walk_paths()) if ctes else []
    for cte in ctes:
        name = (cte.subplan_name or "").removeprefix(_CTE)
        readers = [path for path in paths if path[-1].type == "CTE Scan" and path[-1].text("CTE Name") == name]
        if rows(cte) < thresholds["rows"] or _closed(cte) or not readers:
            continue
        kept = [_kept(path) for path in readers]
        if max(kept) <= thresholds["share"] * rows(cte):
            words = f"kept {format_count(max(kept))} of {format_count(rows(cte))} rows{_condition(readers[0])}"
            yield Hit(RULE.code, RULE.name, name, words, cte)


def _closed(node: Node) -> bool:
    """Whether what the CTE ends in lets no condition through."""
    while node.type in _PASSED and node.children:
        node = node.children[0]
    return node.type in _CLOSED


def _kept(path: tuple[Node, ...]) -> int:
    """Rows of one reading that the query went on with: after the scan's filter, and after the inner join above it.

    A scan that stopped early (a LIMIT, a merge join) wanted no more than it read, so all it looked at counts as kept.
    """
    scan = path[-1]
    if scan.text("Filter"):
        return round(rows(scan) / max(scan.loops, 1))
    join = next((node for node in reversed(path[:-1]) if node.type not in ("Hash", "Sort", "Materialize")), None)
    if join and join.text("Join Type") in _INNER and scan.loops == 1:
        return rows(join)
    return rows_scanned(scan)


def _condition(path: tuple[Node, ...]) -> str:
    for node in reversed(path):
        for key in ("Filter", "Hash Cond", "Merge Cond", "Join Filter"):
            if text := node.text(key):
                return f", {key}: {normalise(text)}"
    return ""


RULE = Rule("PB405", "cte-fence", frozenset({"analyze"}), _check, __doc__, {"rows": 1_000, "share": 0.1})
