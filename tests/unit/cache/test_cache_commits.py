"""How long a commit is held back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_perfbudget.cache.queries import commits, questions
from pytest_perfbudget.cache.queries.state import Settings, State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Unreachable, Wait

LICENCE = 0.5


class Written:
    """A result of ``questions.WRITTEN``: of a server that was started ``age`` seconds ago, by its clock."""

    def __init__(self, age: float) -> None:
        self._found = {"xid": "7", "server": "s", "age": age, "schema": False, "relations": [16400], "keys": {}}

    def get_value(self, row: int, column: int) -> bytes:
        return json.dumps(self._found).encode()


def waits(age: float, *, reached: bool = True) -> list[float]:
    steps = commits.commit(State(Settings(licence=LICENCE), lambda: 0.0, lambda: 0.0))
    answer: Any = None
    found = []
    try:
        while True:
            step = steps.send(answer) if not isinstance(answer, Unreachable) else steps.throw(answer)
            answer = None
            if isinstance(step, Wait):
                found.append(step.seconds)
            elif isinstance(step, Ask):
                answer = 1 if reached else Unreachable("down")
            elif not isinstance(step, Sql):
                answer = [Written(age) for _ in step.statements]
            elif step.text == questions.WRITTEN:
                answer = Written(age)
    except StopIteration:
        return found


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(1000.0, [], id="a server that has been there for long"),
        pytest.param(0.2, [0.3], id="one that a reader may not know yet"),
        pytest.param(-3600.0, [LICENCE], id="one whose clock was set back by an hour"),
    ],
)
def test_a_commit_is_held_back_by_a_licence_at_most(age: float, expected: list[float]) -> None:
    assert waits(age) == pytest.approx(expected)


@pytest.mark.parametrize("age", [1000.0, 0.2, -3600.0])
def test_without_redis_it_is_held_back_for_a_licence(age: float) -> None:
    assert waits(age, reached=False) == [LICENCE]
