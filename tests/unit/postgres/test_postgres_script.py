"""Scripts read as psql reads them: every byte is a statement's or a row's, and stays on its line."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.postgres.script import read

STATEMENTS = st.sampled_from(
    [
        b"select 1;",
        b"select 'a;\n\\restrict no\n''b';",
        b"select E'it\\'s;\n\\copy';",
        b'create table "a;\n\\b" (id int);',
        b"do $x$ begin perform 1; -- copy t from stdin;\n\\. end $x$;",
        b"-- copy t from stdin;",
        b"/* copy t from stdin;\n\\! */",
        b"copy t to stdout;",
        b"select $1, a$b;",
    ]
)
LINES = st.lists(st.binary(max_size=8).filter(lambda line: b"\n" not in line and b"\r" not in line and line != b"\\."))
COMMANDS = [b"COPY t (a) FROM stdin;", b"--\n-- rows; here\n--\n\ncopy\nt from STDIN with (format csv);"]
BLOCKS = st.tuples(st.sampled_from(COMMANDS), LINES)


@given(st.lists(st.one_of(STATEMENTS, BLOCKS)))
def test_rows_are_told_from_statements_and_every_statement_stays_on_its_line(parts: list[Any]) -> None:
    script, expected, rows = b"", b"", []
    for part in parts:
        command, lines = part if isinstance(part, tuple) else (part, None)
        script, expected = script + command + b"\n", expected + command + b"\n"
        if lines is not None:
            block = b"".join(one + b"\n" for one in lines)
            rows.append((script.count(b"\n") + 1, block))
            script, expected = script + block + b"\\.\n", expected + b"\n" * (len(lines) + 1)
    found = read(script)
    assert found.meta is None
    assert [(one.line, one.contents) for one in found.rows] == rows
    assert found.sql == expected
    assert found.size == sum(len(block) for _, block in rows)


def test_rows_without_their_end_go_to_the_end_of_the_file() -> None:
    found = read(b"copy t from stdin;\n1\n2\n")
    assert [(one.line, one.contents) for one in found.rows] == [(2, b"1\n2\n")]
    assert read(b"copy t from stdin;").rows[0].contents == b""


def test_what_restrict_says_is_left_out_and_any_other_command_is_pointed_at() -> None:
    assert read(b"\\restrict key\nselect 1;\n\\unrestrict key\n").sql == b"\nselect 1;\n\n"
    script = b"select 1;\n\\i other.sql\n"
    assert read(script).meta == script.index(b"\\i")


def test_rows_with_the_line_ends_of_windows() -> None:
    found = read(b"copy t from stdin;\r\n1\r\n\\.\r\nselect 1;\r\n")
    assert [one.contents for one in found.rows] == [b"1\r\n"]
    assert found.sql.splitlines()[3] == b"select 1;"
