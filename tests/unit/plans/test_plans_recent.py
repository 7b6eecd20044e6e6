from __future__ import annotations

from typing import Any

from pytest_perfbudget.plans.recent import MOST, Recent, parsed


def test_one_object_is_looked_at_once() -> None:
    asked: list[dict[str, Any]] = []

    def make(document: dict[str, Any]) -> int:
        asked.append(document)
        return len(asked)

    recent = Recent(make)
    one, equal = {"a": 1}, {"a": 1}
    assert [recent(one), recent(one), recent(equal), recent(one)] == [1, 1, 2, 1]


def test_what_is_remembered_is_bounded_and_never_mistaken() -> None:
    recent = Recent(lambda document: document["n"])
    assert [recent({"n": n}) for n in range(3 * MOST)] == list(range(3 * MOST))
    assert len(recent._known) <= MOST


def test_a_plan_is_one_object() -> None:
    document = {"Plan": {"Node Type": "Result"}}
    assert parsed(document) is parsed(document)
