from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.capture import auto_explain

BODY = b'{\n  "Query Text": "SELECT \\"a\\",\\n 1",\n  "Plan": {\n    "Node Type": "Result"\n  }\n}'


@pytest.mark.parametrize("first", [b"duration: 0.015 ms  plan:", b"Dauer: 0.015 ms  Plan:"])
def test_a_plan_is_recognised_whatever_the_language(first: bytes) -> None:
    body = auto_explain.document(first + b"\n" + BODY)
    assert body == BODY
    assert auto_explain.plan(BODY) == {"Query Text": 'SELECT "a",\n 1', "Plan": {"Node Type": "Result"}}
    assert auto_explain.query_text(BODY) == b'SELECT "a",\n 1'


@pytest.mark.parametrize(
    "message",
    [b"", b"hello", b"duration: 0.015 ms", b"duration: 0.015 ms  plan:\nQuery Text: SELECT 1", BODY, b"note:\n" + BODY],
)
def test_anything_else_is_the_applications(message: bytes) -> None:
    assert auto_explain.document(message) is None


@given(st.binary())
def test_no_message_breaks_it(message: bytes) -> None:
    assert auto_explain.document(message) is None
