"""Commands as a client of Redis packs them: arrays of bulk strings, one after the other."""

from __future__ import annotations

from typing import Any, NamedTuple

LONGEST = 512
"""Bytes of an argument that are kept: keys are shorter, and values are only counted."""

LONG = b"long"
"""Stands for a value of a reply: that it is there is all that counts."""

SMALL = 4096
"""Bytes of a buffer that are kept as they are for a while, and that cutting at every line break reads fastest."""

QUEUED = b"QUEUED"
_SHORT = 8
_ARRAY = ord("*")


class Failed:
    """Stands for an error in a reply."""


FAILED = Failed()


class Command(NamedTuple):
    """``name`` is in capitals; ``arguments`` are cut; ``sizes`` are their bytes before that."""

    name: bytes
    arguments: tuple[bytes, ...]
    sizes: tuple[int, ...]


def whole(packed: Any) -> bytes:
    """A buffer in one piece: bytes, text, or pieces of bytes."""
    return packed if isinstance(packed, bytes) else packed.encode() if isinstance(packed, str) else b"".join(packed)


def commands(raw: bytes) -> list[Command]:
    """The commands of one buffer.

    Raises:
        ValueError: it holds something else.
    """
    return [one] if len(raw) <= SMALL and (one := _alone(raw)) else _several(raw)


def _alone(raw: bytes) -> Command | None:
    """The command of a buffer that holds one, and no line break in any value: that can be seen from the count."""
    words = raw.split(b"\r\n")
    count = len(words)
    if count % 2 or words[0] != b"*%d" % (count // 2 - 1):
        return None
    values = words[2::2]
    sizes = tuple(map(len, values))
    if max(sizes) > LONGEST:
        values = [value[:LONGEST] for value in values]
    return Command(values[0].upper(), tuple(values[1:]), sizes[1:])


def _several(raw: bytes) -> list[Command]:
    found: list[Command] = []
    at, end = 0, len(raw)
    while at < end:
        if raw[at] != _ARRAY:
            raise ValueError("no array of bulk strings")
        line = raw.index(b"\r\n", at)
        count, at = int(raw[at + 1 : line]), line + 2
        arguments, sizes = [], []
        for _ in range(count):
            line = raw.index(b"\r\n", at)
            size, start = int(raw[at + 1 : line]), line + 2
            arguments.append(raw[start : start + min(size, LONGEST)])
            sizes.append(size)
            at = start + size + 2
        found.append(Command(arguments[0].upper(), tuple(arguments[1:]), tuple(sizes[1:])))
    return found


def shape(reply: Any, depth: int = 2) -> Any:
    """What of a reply counts: None, numbers, short words (as bytes), lists; longer values are :data:`LONG`."""
    if reply is None or isinstance(reply, int | float):
        return reply
    if isinstance(reply, bytes | str):
        return LONG if len(reply) > _SHORT else reply if isinstance(reply, bytes) else reply.encode()
    if reply is FAILED or isinstance(reply, Exception):
        return FAILED
    if depth and isinstance(reply, list | tuple):
        return [shape(one, depth - 1) for one in reply]
    return list(range(len(reply))) if hasattr(reply, "__len__") else LONG
