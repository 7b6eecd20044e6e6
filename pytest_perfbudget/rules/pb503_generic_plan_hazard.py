"""PB503 generic-plan-hazard

What it finds
    A statement whose generic plan, executed with the same parameters, touches 2 times the blocks of the plan that was
    judged, and at least 100 more, and which PostgreSQL would take at the sixth execution after five with the parameters
    of some call the test made. Budgets with plan.generic = true gather what it needs.

Why it matters
    Drivers prepare what is executed often, and PostgreSQL plans a prepared statement five times with the values it is
    given, then once without them. What was fast for the first five customers is slow for the sixth.

Example
    SELECT * FROM orders WHERE status = $1              'open' is 2 % of the rows, 'done' the others
        Index Scan using orders_status_idx on orders    touched 38 blocks
        Seq Scan on orders                              the generic plan: touched 820 blocks

Use instead
    SET plan_cache_mode = force_custom_plan for the role or the transaction; prepare_threshold = None in psycopg; or a
    partial index, with the value written in the statement.

Options
    ratio     blocks of the generic plan ÷ blocks of the plan (2)
    blocks    8 kB blocks more (100)
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.plans.facts import blocks
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.units import format_count


def _check(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
    generic = subject.generic
    assert generic
    if not generic.plan.analyzed:
        words = "not judged: the generic plan was not executed: the statement writes"
        yield Hit(RULE.code, RULE.name, None, words, judged=False)
        return
    mine, theirs = blocks(subject.plan.root), blocks(generic.plan.root)
    if generic.switches and theirs >= thresholds["ratio"] * mine and theirs >= mine + thresholds["blocks"]:
        relation = next((node.alias for node in generic.plan.root.walk() if node.relation), None)
        words = f"{format_count(mine)} blocks, by the generic plan {format_count(theirs)}"
        yield Hit(RULE.code, RULE.name, relation, words, generic.plan.root)


RULE = Rule(
    "PB503",
    "generic-plan-hazard",
    frozenset({"analyze", "buffers", "generic"}),
    _check,
    __doc__,
    {"ratio": 2, "blocks": 100},
)
