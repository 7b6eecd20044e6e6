"""auto_explain's messages: recognised among a connection's notices, decoded to EXPLAIN documents."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

_OPENING = b'{\n  "Query Text": '
_KEPT = 1024
_DECODER = json.JSONDecoder()


def document(message: bytes) -> bytes | None:
    """The JSON of ``duration: 0.015 ms  plan:\\n{…}``, or None for any other message.

    The words of the first line follow ``lc_messages``; its unit and the JSON do not.
    """
    end = message.find(b"\n")
    if end < 0 or not message.startswith(_OPENING, end + 1) or b" ms" not in message[:end]:
        return None
    return message[end + 1 :]


@lru_cache(maxsize=_KEPT)
def plan(body: bytes) -> dict[str, Any]:
    """A document of :func:`document` → ``{"Query Text": …, "Plan": …}``. Shared: not to be changed.

    Raises:
        ValueError: the bytes are not JSON.
    """
    decoded: dict[str, Any] = json.loads(body.decode("utf-8", "replace"))
    return decoded


def belongs(body: bytes, query: bytes) -> bool:
    """Whether a document is the plan of the statement whose text is ``query``."""
    return body.startswith(_beginning(query)) or query_text(body) == query


def query_text(body: bytes) -> bytes:
    """The statement a document belongs to, without decoding its plan."""
    text, _ = _DECODER.raw_decode(body.decode("utf-8", "replace"), len(_OPENING))
    return str(text).encode()


@lru_cache(maxsize=1024)
def _beginning(query: bytes) -> bytes:
    """How a plan of ``query`` begins, by the rules of ``escape_json``: those of Python's json but for what is not
    ASCII, which it leaves."""
    return _OPENING + json.dumps(query.decode("utf-8", "replace"), ensure_ascii=False).encode() + b","
