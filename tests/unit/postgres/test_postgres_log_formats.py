from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.postgres.log_formats import CSV, JSON, Entry, Format

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"))
ENTRIES = st.builds(
    Entry,
    session=st.from_regex(r"[0-9a-f]{8}\.[0-9a-f]{1,6}", fullmatch=True),
    pid=st.integers(1, 1 << 22),
    database=st.sampled_from(["ours", "others", ""]),
    severity=st.sampled_from(["LOG", "INFO", "ERROR"]),
    state=st.sampled_from(["00000", "22012"]),
    message=st.one_of(TEXTS, TEXTS.map(lambda text: f"mark {text}")),
    detail=TEXTS,
    statement=TEXTS,
    application=TEXTS,
)


def as_json(entries: Iterable[Entry]) -> bytes:
    """As ``write_jsonlog`` does: what is empty is left out, quotes, backslashes and control characters are escaped."""
    names = ("session_id", "pid", "dbname", "error_severity", "state_code", "message", "detail", "statement",
             "application_name")  # fmt: skip
    fields = ("session", "pid", "database", "severity", "state", "message", "detail", "statement", "application")
    lines = []
    for entry in entries:
        record = {name: getattr(entry, one) for name, one in zip(names, fields, strict=True) if getattr(entry, one)}
        whole = {"timestamp": "2026-01-01 00:00:00.000 UTC", **record}
        lines.append(json.dumps(whole, ensure_ascii=False, separators=(",", ":")))
    return "".join(f"{line}\n" for line in lines).encode()


def as_csv(entries: Iterable[Entry]) -> bytes:
    out = io.StringIO(newline="")
    for one in entries:
        row: list[object] = [""] * 26
        row[2], row[3], row[5], row[11], row[12] = one.database, one.pid, one.session, one.severity, one.state
        row[13], row[14], row[19], row[22] = one.message, one.detail, one.statement, one.application
        record = io.StringIO(newline="")
        csv.writer(record, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(row[1:])
        out.write(f"2026-01-01 00:00:00.000 UTC,{record.getvalue()}")
    return out.getvalue().encode()


WRITERS = {"jsonlog": (JSON, as_json), "csvlog": (CSV, as_csv)}


@pytest.mark.parametrize("name", WRITERS)
@given(st.lists(ENTRIES, max_size=6), st.data())
def test_wherever_the_text_is_cut_the_same_entries_are_read(
    name: str, entries: list[Entry], data: st.DataObject
) -> None:
    kind, write = WRITERS[name]
    text = write(entries)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    found, rest = [], b""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        ready, rest = kind.split(rest + text[start:end])
        found += list(kind.entries(ready, (b"ours", b"mark")))
    assert rest == b""
    assert [one for one in found if one.database == "ours"] == [one for one in entries if one.database == "ours"]
    assert [one for one in found if one.message.startswith("mark")] == [
        one for one in entries if one.message.startswith("mark")
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_reading_can_begin_within_a_record(name: str) -> None:
    kind, write = WRITERS[name]
    first = Entry("65a.1", 1, "ours", "LOG", "00000", 'two\nlines, "quoted"', "", "", "")
    second = Entry("65a.2", 2, "ours", "LOG", "00000", "the second", "", "", "")
    text, length = write([first, second]), len(write([first]))
    for start in (3, length - 2, length - 1):
        assert begun(kind, text[start:]) == [second]


def begun(kind: Format, text: bytes) -> list[Entry]:
    found = kind.begins.search(text)
    assert found
    return list(kind.entries(text[found.start() + 1 :], (b"ours",)))
