"""The formats in which PostgreSQL writes its log as data: jsonlog, and csvlog before 15."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """What one message says. ``session`` is unique for a connection, ``pid`` its server process; ``statement`` is the
    text that an error stopped."""

    session: str
    pid: int
    database: str
    severity: str
    state: str
    message: str
    detail: str
    statement: str
    application: str


@dataclass(frozen=True, slots=True)
class Format:
    """``name`` as ``log_destination`` has it. ``begins`` finds the end of a line that a record follows; ``split`` gives
    the whole records of a text and what is left over; ``entries`` reads whole records: those of a database of the names
    given, and those whose message begins with one of them."""

    name: str
    begins: re.Pattern[bytes]
    split: Callable[[bytes], tuple[bytes, bytes]]
    entries: Callable[[bytes, Sequence[bytes]], Iterator[Entry]]


def _split_json(text: bytes) -> tuple[bytes, bytes]:
    """A record is a line."""
    end = text.rfind(b"\n") + 1
    return text[:end], text[end:]


def _json_entries(text: bytes, about: Sequence[bytes]) -> Iterator[Entry]:
    for line in text.split(b"\n"):
        if not any(word in line for word in about):
            continue
        record = json.loads(line)
        yield Entry(
            session=record.get("session_id", ""),
            pid=record.get("pid", 0),
            database=record.get("dbname", ""),
            severity=record.get("error_severity", ""),
            state=record.get("state_code", ""),
            message=record.get("message", ""),
            detail=record.get("detail", ""),
            statement=record.get("statement", ""),
            application=record.get("application_name", ""),
        )


def _split_csv(text: bytes) -> tuple[bytes, bytes]:
    """A record ends at the end of a line outside quotes: where the quotes before it are even in number."""
    end = text.rfind(b"\n") + 1
    while end and text.count(b'"', 0, end) % 2:
        end = text.rfind(b"\n", 0, end - 1) + 1
    return text[:end], text[end:]


def _csv_entries(text: bytes, about: Sequence[bytes]) -> Iterator[Entry]:
    """Columns of PostgreSQL's documentation, "Using CSV-Format Log Output"."""
    csv.field_size_limit(1 << 30)  # a plan or a parameter may be longer than the module expects
    words = [word.decode() for word in about]
    for row in csv.reader(io.StringIO(text.decode("utf-8", "replace"), newline="")):
        if not any(word in (row[2], row[13][: len(word)]) for word in words):
            continue
        yield Entry(
            session=row[5],
            pid=int(row[3]),
            database=row[2],
            severity=row[11],
            state=row[12],
            message=row[13],
            detail=row[14],
            statement=row[19],
            application=row[22],
        )


JSON = Format("jsonlog", re.compile(rb'\n\{"timestamp":"'), _split_json, _json_entries)
CSV = Format("csvlog", re.compile(rb"\n\d{4}-\d\d-\d\d [\d:.]+ \w+,"), _split_csv, _csv_entries)
