"""auto_explain's messages: recognised among a connection's notices, decoded to EXPLAIN documents."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

_OPENING = b'{\n  "Query Text": '
_KEPT = 4096


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


def query_text(body: bytes) -> bytes:
    """The statement a document belongs to, without decoding its plan."""
    text, _ = json.JSONDecoder().raw_decode(body.decode("utf-8", "replace"), len(_OPENING))
    return str(text).encode()
