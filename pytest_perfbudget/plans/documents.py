"""Text → the JSON documents in it, whatever wrote the text: EXPLAIN, auto_explain's log, psql, a spreadsheet.

A text that is JSON is one document. Else the frame of psql's tables is taken off, doubled quotes (CSV) are made single,
and every object or list that begins a line, a cell or follows auto_explain's ``plan:`` is a document.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from pytest_perfbudget.errors import PlanError
from pytest_perfbudget.plans.framing import unframed

REMEDY = "give the output of EXPLAIN (FORMAT JSON), of auto_explain with log_format=json, or its path"
NODE = '"Node Type"'

_START = r'"?(?=[\[{]\s*["{}\[\]])'
_BEGINNING = re.compile(rf'^(?:[^"\[\]{{}}\n]*[|│]|.*?\bplan:)?[ \t]*{_START}', re.MULTILINE)
_NEXT = re.compile(rf'[\s",;]*{_START}')
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_DECODER = json.JSONDecoder()


def documents(text: str | bytes) -> list[Any]:
    """The values of the JSON documents in ``text``, in their order, at least one.

    Raises:
        PlanError: there is none, or one is broken that could be a plan.
    """
    text = _decoded(text) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    try:
        return [_read(text)]
    except (ValueError, RecursionError) as error:
        found = _scattered(text) if isinstance(error, json.JSONDecodeError) else []
        if not found:
            raise _unreadable(error) from None
        return found


def _read(text: str) -> Any:
    """msgspec takes half the time; the standard library reads more (NaN, lone surrogates) and says where it broke."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError):
        return json.loads(text)


def _decoded(data: bytes) -> str:
    """As UTF-8, or as the byte order mark says (a shell of Windows writes UTF-16)."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise PlanError("the document is not text in UTF-8", remedy=REMEDY) from None


def _scattered(text: str) -> list[Any]:
    """The documents between other text. A broken one is passed over only where no plan follows."""
    text = unframed(text)
    if NODE.replace('"', '""') in text:
        text = text.replace('""', '"')
    found: list[Any] = []
    start = _BEGINNING.search(text)
    while start:
        try:
            value, end = _DECODER.raw_decode(text, start.end())
        except (ValueError, RecursionError) as error:
            if text.find(NODE, start.end()) >= 0 or isinstance(error, RecursionError):
                raise _unreadable(error) from None
            break
        found.append(value)
        start = _NEXT.match(text, end) or _BEGINNING.search(text, end)
    return found


def _unreadable(error: ValueError | RecursionError) -> PlanError:
    if isinstance(error, json.JSONDecodeError):
        what = f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
        return PlanError(f"the document is not JSON: {what}", remedy=REMEDY)
    why = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
    return PlanError(f"the document is not JSON we can read: {why}", remedy=REMEDY)
