"""What commands of Redis read and write, told from the command and its reply.

A hash's fields are entries of their own. Of a script nobody sees what it reads and writes: its keys are taken for
written, with an expiry that is to be asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

from pytest_perfbudget.capture.caches.wire import FAILED, Command


class Expiry(Enum):
    """What a write makes of a key's expiry. ``KEPT`` leaves the one it had; ``GONE`` is a key that was deleted."""

    SET = "set"
    NONE = "none"
    KEPT = "kept"
    UNKNOWN = "unknown"
    GONE = "gone"


class Read(NamedTuple):
    """An entry that was asked for, and whether its value came."""

    entry: bytes
    hit: bool


class Write(NamedTuple):
    """A key that was written, and the entries of it; none where only the expiry is another."""

    key: bytes
    expiry: Expiry
    entries: tuple[bytes, ...] = ()


def _names(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


ABOUT = _names(
    "AUTH HELLO CLIENT SELECT PING ECHO QUIT RESET READONLY READWRITE ASKING COMMAND CLUSTER INFO ROLE CONFIG SENTINEL "
    "SCRIPT"
)
"""Commands about the connection or the server, which a new connection or a check of its health sends: no use of a
cache, and as many as the client likes."""

STREAMS = _names("SUBSCRIBE PSUBSCRIBE SSUBSCRIBE MONITOR")
"""What follows on their connection are messages, not replies."""

_HEAD = 40
"""Bytes of a buffer in which the name of its first command stands."""

_VALUE = _names("GET GETEX GETDEL LINDEX DUMP JSON.GET")
_PART = _names("GETRANGE SUBSTR HGETALL HVALS SMEMBERS LRANGE ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE SORT_RO")
_FIELD = _names("HGET ZSCORE")
_SCRIPTS = _names("EVAL EVALSHA FCALL")
_STRING = _names("SETEX PSETEX GETSET")
_KEEPING = _names(
    "APPEND INCR INCRBY INCRBYFLOAT DECR DECRBY SETRANGE SETBIT BITFIELD HINCRBY HINCRBYFLOAT LPUSH RPUSH LPUSHX "
    "RPUSHX LINSERT LSET SADD ZADD ZINCRBY PFADD GEOADD XADD JSON.SET JSON.MERGE PFMERGE"
)
_HASH = _names("HSET HMSET HSETNX")
_STORING = _names("SUNIONSTORE SINTERSTORE SDIFFSTORE ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZRANGESTORE GEOSEARCHSTORE")
_EXPIRING = _names("EXPIRE PEXPIRE EXPIREAT PEXPIREAT")
_DELETING = _names("DEL UNLINK GETDEL")
_TIMES = _names("EX PX EXAT PXAT")


def may_stream(raw: bytes) -> bool:
    """Whether a command of :data:`STREAMS` may be in a buffer; it is alone then, or the first."""
    head = raw[:_HEAD].upper()
    return b"UBSCRIBE" in head or b"MONITOR" in head


def about(command: Command, reply: Any) -> bool:
    """Whether it is no use of a cache. Nor is a script that the server does not have yet: it is sent again, and that
    depends on who has used the server before."""
    return command.name in ABOUT or (command.name == b"EVALSHA" and reply is FAILED)


def reads(command: Command, reply: Any) -> Iterator[Read]:
    """The entries a command asked for; none of one that failed."""
    name, arguments = command.name, command.arguments
    if reply is FAILED or not arguments:
        return
    if name in _VALUE:
        yield Read(arguments[0], reply is not None)
    elif name in _PART:
        yield Read(arguments[0], bool(reply))
    elif name in _FIELD and len(arguments) > 1:
        yield Read(_field(arguments[0], arguments[1]), reply is not None)
    elif name == b"MGET" and isinstance(reply, list):
        yield from (Read(key, one is not None) for key, one in zip(arguments, reply, strict=False))
    elif name == b"HMGET" and isinstance(reply, list):
        fields = (_field(arguments[0], field) for field in arguments[1:])
        yield from (Read(entry, one is not None) for entry, one in zip(fields, reply, strict=False))


def writes(command: Command, reply: Any) -> Iterator[Write]:
    """The keys a command wrote, or gave another expiry; none of one that failed or was refused (``SET … NX``)."""
    name, arguments = command.name, command.arguments
    if reply is FAILED or not arguments:
        return
    key = arguments[0]
    if name == b"SET":
        if reply is not None or b"GET" in _words(arguments[2:]):
            yield Write(key, _of_set(arguments), (key,))
    elif name in _STRING:
        yield Write(key, Expiry.NONE if name == b"GETSET" else Expiry.SET, (key,))
    elif name in _KEEPING:
        yield Write(key, Expiry.KEPT, (key,))
    elif name in _HASH:
        yield Write(key, Expiry.KEPT, (key, *(_field(key, field) for field in arguments[1::2])))
    elif name in _STORING:
        yield Write(key, Expiry.NONE, (key,))
    elif name in _SCRIPTS:
        yield from (Write(one, Expiry.UNKNOWN, (one,)) for one in keys(command))
    else:
        yield from _others(name, arguments, reply)


def _others(name: bytes, arguments: tuple[bytes, ...], reply: Any) -> Iterator[Write]:
    key = arguments[0]
    if name == b"MSET" or (name in (b"MSETNX", b"SETNX") and reply):
        yield from (Write(one, Expiry.NONE, (one,)) for one in arguments[::2])
    elif name in (b"RENAME", b"RENAMENX", b"COPY") and reply and len(arguments) > 1:
        yield Write(arguments[1], Expiry.UNKNOWN, (arguments[1],))
        if name != b"COPY":
            yield Write(key, Expiry.GONE)
    elif name == b"RESTORE" and len(arguments) > 1:
        yield Write(key, Expiry.NONE if arguments[1] == b"0" else Expiry.SET, (key,))
    elif name == b"BITOP" and len(arguments) > 1:
        yield Write(arguments[1], Expiry.NONE, (arguments[1],))
    elif name in _EXPIRING and reply:
        yield Write(key, Expiry.SET)
    elif name == b"GETEX" and reply is not None and (words := _words(arguments[1:])):
        yield Write(key, Expiry.NONE if b"PERSIST" in words else Expiry.SET)
    elif name == b"PERSIST" and reply:
        yield Write(key, Expiry.NONE)
    elif name in _DELETING and reply:
        yield from (Write(one, Expiry.GONE) for one in arguments)


def size(command: Command) -> int:
    """Bytes of what a command writes: its keys, fields, values and options. Of a script, its keys and arguments."""
    return sum(command.sizes[2:] if command.name in _SCRIPTS else command.sizes)


def keys(command: Command) -> tuple[bytes, ...]:
    """The keys of a script, the first argument of anything else."""
    arguments = command.arguments
    if command.name in _SCRIPTS and len(arguments) > 1:
        return arguments[2 : 2 + int(arguments[1])]
    return arguments[:1]


def _of_set(arguments: tuple[bytes, ...]) -> Expiry:
    words = _words(arguments[2:])
    return Expiry.SET if words & _TIMES else Expiry.KEPT if b"KEEPTTL" in words else Expiry.NONE


def _words(arguments: tuple[bytes, ...]) -> frozenset[bytes]:
    return frozenset(one.upper() for one in arguments)


def _field(key: bytes, field: bytes) -> bytes:
    return key + b" " + field
