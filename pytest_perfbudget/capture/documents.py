"""The plan documents of a recording: equal ones once, and in a long recording each as what it has new."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.capture import auto_explain

WHOLE = 1000
"""Documents of a recording that are kept as they came; later ones cost 14 µs more and about a tenth of the bytes."""

_ALIKE = 256
"""Statements with a model of their own; those of later ones are compared with the last of these."""

_WINDOW = -15
"""Raw deflate with the largest window: no header, no checksum."""


@dataclass(slots=True, eq=False)
class Packed:
    """A document as its difference from a ``model``."""

    model: bytes
    data: bytes

    @property
    def body(self) -> bytes:
        """The document as it came."""
        return zlib.decompressobj(_WINDOW, self.model).decompress(self.data)


Document = bytes | Packed


class _Alike:
    """Documents of one statement: the first of them is the model, and the last may come again."""

    __slots__ = ("_last", "_model", "_packed", "_started")

    def __init__(self, model: bytes) -> None:
        self._model = self._last = model
        self._packed: Document = model
        # The deflater with the model read: copying it is cheaper than reading it again.
        self._started = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, 8, zlib.Z_DEFAULT_STRATEGY, model)

    def pack(self, body: bytes) -> Document:
        if body != self._last:
            deflate = self._started.copy()
            self._packed = Packed(self._model, deflate.compress(body) + deflate.flush())
            self._last = body
        return self._packed


@dataclass(slots=True)
class Documents:
    """What is kept of the plans of one recording."""

    whole: dict[bytes, bytes] = field(default_factory=dict)
    _alike: dict[bytes, _Alike] = field(default_factory=dict)
    _latest: _Alike | None = None

    def keep(self, query: bytes, body: bytes) -> Document:
        """The document of a statement whose text is ``query``, as it is to be kept."""
        if (known := self.whole.get(body)) is not None:
            return known
        if len(self.whole) < WHOLE:
            return self.whole.setdefault(body, body)
        alike = self._alike.get(query) or self._begin(query, body)
        return alike.pack(body)

    def _begin(self, query: bytes, body: bytes) -> _Alike:
        if self._latest is None or len(self._alike) < _ALIKE:
            self._latest = self._alike[query] = _Alike(body)
        return self._latest


def plan(document: Document) -> dict[str, Any]:
    """Decoded: ``{"Query Text": …, "Plan": …}``. Shared: not to be changed.

    Raises:
        ValueError: the bytes are not JSON.
    """
    return auto_explain.plan(document if isinstance(document, bytes) else document.body)
