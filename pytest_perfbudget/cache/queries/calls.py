"""One call of a statement: what names its entry, and whether that can be said at all."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from pytest_perfbudget.cache.queries import endings
from pytest_perfbudget.statements import Kind, identity, kind

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any] | None

_PLAIN = frozenset((
    type(None), bool, int, float, str, bytes, decimal.Decimal, dt.date, dt.datetime, dt.time, dt.timedelta, uuid.UUID,
))  # fmt: skip
CLOCK = re.compile(
    r"\b(?:now|today|tomorrow|yesterday|current_(?:date|time|timestamp)|localtime|localtimestamp)\b", re.IGNORECASE
)
"""Words of clocks, and of dates that move."""
_AROUND = "; \n\r\t\f\v"  # a statement: no part of it, and pg_stat_statements gives it without
_A_DATE = 40  # characters; a longer text is no date


@dataclass(frozen=True, slots=True)
class Call:
    """A statement with its parameters; ``name`` is the entry's within one session, ``fingerprint`` the statement's."""

    text: str
    parameters: Parameters
    fingerprint: str
    name: str


def call(text: str, parameters: Parameters) -> Call | str:
    """The call, or why its result is not kept. Raises CacheError for a text that commits what nobody announces."""
    if reason := _unreadable(text):
        return reason
    try:
        values = told(parameters or None) if "%" not in text else told(parameters)
        asked = msgspec.msgpack.encode([text.strip(_AROUND), values])
    except (TypeError, ValueError, OverflowError) as error:  # the last of an integer of more than 64 bits
        return str(error)
    digest = hashlib.blake2b(asked, digest_size=20)
    return Call(text, parameters, _fingerprint(text), digest.hexdigest())


@lru_cache(maxsize=4096)
def _unreadable(text: str) -> str:
    if ";" in text.rstrip("; \n\t"):
        endings.before(text, None)  # refuses those that commit
        return "it may be several statements"
    if kind(text) is not Kind.READ:
        return "it is no read"
    if found := CLOCK.search(text):
        return f"it says {found.group()}"
    return ""


@lru_cache(maxsize=4096)
def _fingerprint(text: str) -> str:
    return identity(text)


def told(value: Any) -> Any:
    """The value with the names of its types: 1, 1.0, True and '1' are other parameters. Raises TypeError of others."""
    kind_ = type(value)
    if kind_ in _PLAIN:
        if kind_ is str and len(value) <= _A_DATE and CLOCK.search(value):
            raise TypeError(f"the parameter {value!r} may be read as a date that moves")
        return [kind_.__name__, value]
    if kind_ in (list, tuple):
        return [kind_.__name__, [told(one) for one in value]]
    if kind_ is dict and all(type(name) is str for name in value):
        return ["dict", [[name, told(one)] for name, one in sorted(value.items())]]
    raise TypeError(f"a parameter is of type {kind_.__qualname__}")
