from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sql_texts import PIECES

from pytest_perfbudget.statements.tokens import Kind, tokens, uncommented


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("SELECT a.b, 'it''s' FROM É", ["select", "a", ".", "b", ",", "'it''s'", "from", "É"]),
        (r"E'it\'s' U&'a' x'1F' $$a$b$$ $q$ $$ $q$", [r"E'it\'s'", "U&'a'", "x'1F'", "$$a$b$$", "$q$ $$ $q$"]),
        ('"a""b" "C" U&"d"', ['"a""b"', '"C"', 'U&"d"']),
        ("a$1 $1 $12", ["a$1", "$1", "$12"]),
        ("1 1.5 .5 1e-3 1_000 0x1F", ["1", "1.5", ".5", "1e-3", "1_000", "0x1F"]),
        ("a=-1 a@-1 b->>c", ["a", "=", "-", "1", "a", "@-", "1", "b", "->>", "c"]),
        ("a<>b a!=b", ["a", "<>", "b", "a", "<>", "b"]),
        ("a/* b /* c */ d */e--f\ng", ["a", "e", "g"]),
        ("a<--b\nc*/*d*/e", ["a", "<", "c", "*", "e"]),
        ("x=%s y=%(n)s z %s2", ["x", "=", "%s", "y", "=", "%(n)s", "z", "%", "s2"]),
        ("a::int b:=c d[1:2]", ["a", "::", "int", "b", ":=", "c", "d", "[", "1", ":", "2", "]"]),
        ("'open", ["'", "open"]),
        ("a /* open", ["a"]),
    ],
)  # fmt: skip
def test_pieces(sql: str, texts: list[str]) -> None:
    assert [token.text for token in tokens(sql)] == texts


def test_kinds() -> None:
    found = [token.kind.name for token in tokens("a \"b\" 'c' 1 $1 %s + (")]
    assert found == ["WORD", "QUOTED", "STRING", "NUMBER", "PLACEHOLDER", "PLACEHOLDER", "OPERATOR", "MARK"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_every_character_is_in_a_piece_or_white_space_or_a_comment(sql: str) -> None:
    last = 0
    for token in tokens(sql):
        gap = sql[last : token.start]
        assert not gap.strip(" \t\n\r\f\v") or "--" in gap or "/*" in gap
        assert token.start < token.end
        last = token.end
    texts = [(token.kind, token.text) for token in tokens(sql)]
    assert [(token.kind, token.text) for token in tokens(uncommented(sql))] == texts


def test_comments_become_white_space() -> None:
    assert uncommented("a NOT -- b\nIN/* c */(1)") == "a NOT\nIN (1)"
    assert uncommented("a  IN (1)") == "a  IN (1)"
    assert Kind.WORD in {token.kind for token in tokens("a")}
