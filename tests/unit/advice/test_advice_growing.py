"""What is said to do about work that grows: the first index that helps when tried, else what statement and plan say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_perfbudget.advice.growing import LESS, ONE_STATEMENT, SEEK, Tried, fewer_statements, growth_fix
from pytest_perfbudget.model import Origin, QueryEvidence, Repetition, Statement, Work

QUERY = QueryEvidence(
    "a" * 12, "SELECT * FROM orders WHERE customer_id = $1", None, 1, (), (), Work(buffers=300), 1.0,
    executions=(Statement("SELECT * FROM orders WHERE customer_id = $1"),),
)  # fmt: skip


class Trial:
    """Takes note of the indexes that are tried; the one that is good needs 3 blocks."""

    def __init__(self, good: str = "nothing") -> None:
        self.good = good
        self.seen: list[str] = []

    def __call__(self, definition: str, statement: Statement) -> Work:
        self.seen.append(definition.removeprefix("CREATE INDEX ON "))
        return Work(buffers=3 if definition.endswith(self.good) else 299)

    def fix(self, *tree: str, query: QueryEvidence = QUERY) -> str:
        return growth_fix(query, tree, Tried(self, 64_000, 300))


@pytest.mark.parametrize(
    ("tree", "tried"),
    [
        (("Seq Scan on orders   Filter: customer_id = ?",), ["orders (customer_id)"]),
        (("Limit", "  Sort   Sort Key: id DESC", "    Seq Scan on bare   Filter: customer_id = ?"),
         ["bare (customer_id, id)", "bare (customer_id)"]),
        (("Limit", "  Sort   Sort Key: created DESC", "    Seq Scan on bare"), ["bare (created)"]),
        (("Limit", "  Sort   Sort Key: a DESC, b", "    Seq Scan on bare"), []),
        (("Sort   Sort Key: created", "  Seq Scan on bare"), []),
        (("Seq Scan on orders o   Filter: (total > ?) AND (status = ?)",),
         ["orders (status)", "orders (status, total)", "orders (total)"]),
        (("Seq Scan on orders   Filter: code ~~ ?",), ["orders (code text_pattern_ops)"]),
        (("Index Scan using i on orders   Index Cond: id = ?   Filter: total > ?",), []),
        (("Limit", "  Index Scan Backward using i on orders   Filter: total = ?"), ["orders (total)"]),
    ],
)  # fmt: skip
def test_the_indexes_that_are_tried(tree: tuple[str, ...], tried: list[str]) -> None:
    trial = Trial()
    assert trial.fix(*tree) == LESS
    assert trial.seen == tried


def test_the_first_that_helps_is_the_fix() -> None:
    tree = ("Limit", "  Sort   Sort Key: id", "    Seq Scan on bare   Filter: customer_id = ?")
    words = "CREATE INDEX ON bare (customer_id);     tried at 64,000 rows: buffers 300 → 3"
    assert Trial("(customer_id)").fix(*tree) == words


def test_nothing_is_tried_of_what_writes() -> None:
    trial = Trial("(customer_id)")
    assert trial.fix("Seq Scan on o   Filter: customer_id = ?", query=replace(QUERY, writes=True)) == LESS
    assert trial.seen == []


def test_a_key_in_place_of_offset() -> None:
    query = replace(QUERY, sql="SELECT * FROM orders ORDER BY id LIMIT 20 OFFSET $1")
    assert Trial().fix("Limit", "  Index Scan using i on orders", query=query) == SEEK


def test_one_statement_in_place_of_many_by_the_mappers_own_option() -> None:
    assert fewer_statements(QUERY) == fewer_statements(None) == ONE_STATEMENT
    origin = Origin("Order.lines", "selectinload(Order.lines)")
    query = replace(QUERY, repetition=Repetition(9, None, None, origin))
    assert fewer_statements(query) == "load them with their parents: selectinload(Order.lines)"
