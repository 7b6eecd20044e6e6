"""An entry in Redis: the result as PostgreSQL sent it, and the versions of all it depends on.

Written by us, read from a store that others can write to: every byte is under a digest, keyed where a secret is given,
and bound to the entry's name. What is of another format, too large, cut or altered is refused: the statement runs.
"""

from __future__ import annotations

import hashlib
import zlib
from importlib import import_module
from typing import Any

import msgspec
from psycopg import pq
from psycopg.abc import AdaptContext
from psycopg.adapt import Transformer

FORMAT = b"PBQ2"
_DIGEST = 16
_PLAIN, _ZLIB, _ZSTD = b"\x00", b"\x01", b"\x02"


def _zstd() -> Any:
    """Of Python from 3.14 on, or the package backports.zstd; None where there is neither."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    return None


zstd = _zstd()
_BROKEN = (msgspec.MsgspecError, zlib.error, ValueError, *([zstd.ZstdError] if zstd else []))


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """``versions`` maps counters to their bases, ``types`` are the columns' oids, ``rows`` the values as text;
    ``until`` is when it ends (seconds, by the clock on the wall), ``took`` how many seconds the statement took."""

    versions: dict[str, str]
    columns: list[str]
    types: list[int]
    rows: list[list[bytes | None]]
    until: float = 0.0
    took: float = 0.0


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Entry)


def of_result(result: pq.abc.PGresult, versions: dict[str, str], until: float, took: float) -> Entry:
    """The entry of a result in text format."""
    columns = range(result.nfields)
    names = [(result.fname(column) or b"").decode(errors="replace") for column in columns]
    types = [result.ftype(column) for column in columns]
    rows = [[result.get_value(row, column) for column in columns] for row in range(result.ntuples)]
    return Entry(versions, names, types, rows, until, took)


def rows(entry: Entry) -> list[tuple[Any, ...]]:
    """The values as psycopg loads them without a connection: a ``timestamptz`` in UTC."""
    transformer = Transformer()
    transformer.set_loader_types(entry.types, pq.Format.TEXT)
    return [transformer.load_sequence(row) for row in entry.rows]


def rows_of_result(result: pq.abc.PGresult, context: AdaptContext | None) -> list[tuple[Any, ...]]:
    """The same of a result; with a connection as context, in its time zone."""
    if result.status != pq.ExecStatus.TUPLES_OK:
        return []
    transformer = Transformer(context)
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)


def encode(entry: Entry, name: str, secret: bytes, compress_from: int, largest: int) -> bytes | None:
    """The bytes of an entry; compressed where they are ``compress_from`` or more and become fewer. None where they are
    more than ``largest`` before that: it would be refused."""
    body, how = _ENCODER.encode(entry), _PLAIN
    if len(body) > largest:
        return None
    if len(body) >= compress_from:
        smaller = zstd.compress(body, 3) if zstd else zlib.compress(body, 1)
        if len(smaller) < len(body):
            body, how = smaller, _ZSTD if zstd else _ZLIB
    return FORMAT + _digest(how + body, name, secret) + how + body


def decode(data: bytes, name: str, secret: bytes, largest: int) -> Entry | None:
    """The entry, None where it is not one of ours, of this format, name and secret, and at most ``largest`` bytes."""
    start = len(FORMAT) + _DIGEST
    if data[: len(FORMAT)] != FORMAT or len(data) <= start:
        return None
    content = data[start:]
    if data[len(FORMAT) : start] != _digest(content, name, secret):
        return None
    try:
        return _DECODER.decode(_inflated(content, largest))
    except _BROKEN:
        return None


def _digest(content: bytes, name: str, secret: bytes) -> bytes:
    digest = hashlib.blake2b(name.encode(), digest_size=_DIGEST, key=secret)
    digest.update(content)
    return digest.digest()


def _inflated(content: bytes, largest: int) -> bytes:
    if content[:1] == _PLAIN:
        return content[1:]
    if content[:1] not in (_ZLIB, _ZSTD) or (content[:1] == _ZSTD and not zstd):
        raise ValueError("a compression that is not known")
    inflater = zstd.ZstdDecompressor() if content[:1] == _ZSTD else zlib.decompressobj()
    body = inflater.decompress(content[1:], largest)
    if not inflater.eof:
        raise ValueError("cut, or larger than an entry may be")
    return body
