"""Lines of keys, in every spelling TOML has; and against tomllib, that no value is without one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_perfbudget.budgets.places import Path, written
from pytest_perfbudget.budgets.positions import positions


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a.b = 1", ("a", "b"), 1),
        ("\n[a]\nb = 1", ("a", "b"), 3),
        ("[a]\nb.c = 1", ("a", "b"), 2),
        ("[a . b]\nc = 1", ("a", "b", "c"), 2),
        ('["a b".c]\nd = 1', ("a b", "c", "d"), 2),
        ('"\\u00e4" = 1', ("ä",), 1),
        ("a = { b.c = 1, d = 2 }", ("a", "b", "c"), 1),
        ("a = [ # first\n  1,\n\n  2,\n]", ("a", 1), 4),
        ("a = [\n{ b = 1 },\n{ b = 2 },\n]", ("a", 1, "b"), 3),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1, "b"), 4),
        ("[[a]]\n[[a]]\n[a.b]\nc = 2", ("a", 1, "b", "c"), 4),
        ('a = """\n[x]\n"""\nb = 1', ("b",), 4),
        ("[a.b]\nc = 1\n[a]\nd = 1", ("a",), 3),
    ],
)
def test_the_line_of_a_key(text: str, path: Path, line: int) -> None:
    assert tomllib.loads(text)
    assert positions(text).lines[path] == line


@pytest.mark.parametrize(
    ("text", "path", "first", "line"),
    [
        ("[a]\nx = 1\n[a]", ("a",), 1, 3),
        ("[a]\nx = 1\nx = 2", ("a", "x"), 2, 3),
        ("[a]\nb.x = 1\n[a.b]", ("a", "b"), 2, 3),
        ("a = { x = 1, x = 2 }", ("a", "x"), 1, 1),
    ],
)
def test_what_is_defined_twice(text: str, path: Path, first: int, line: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    [repeat] = positions(text).repeats
    assert (repeat.path, repeat.first, repeat.line) == (path, first, line)


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = st.sampled_from(["plan", "work", "a b", "ü", "x.y", "0", 'quo"te'])
SMALL = st.integers(-99_999, 99_999)  # `written` is for errors: it cuts what is long
TREES = st.recursive(
    SMALL | st.booleans() | st.lists(SMALL, max_size=3),
    lambda inner: st.dictionaries(WORDS, inner, min_size=1, max_size=3),
    max_leaves=12,
)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    else:
        yield path, value


@PATIENT
@given(st.dictionaries(WORDS, TREES, min_size=1, max_size=4))
def test_every_value_has_the_line_it_is_on(tree: dict[str, Any]) -> None:
    expected = dict(leaves(tree))
    lines = [f"{'.'.join(map(written, path))} = {written(value)}" for path, value in expected.items()]
    text = "\n".join(lines)
    assert tomllib.loads(text) == tree
    found = positions(text)
    assert found.repeats == []
    assert [found.lines[path] for path in expected] == list(range(1, len(lines) + 1))


@PATIENT
@given(st.text(alphabet='[]{}=."\n #ab1,', max_size=60))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    found = positions(text)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert found.repeats == []
    assert {path for path, _ in leaves(values)} <= found.lines.keys()
