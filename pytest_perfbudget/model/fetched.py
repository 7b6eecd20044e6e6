"""How the rows of a query came to the application."""

from __future__ import annotations

from dataclasses import dataclass

FETCHES = {
    "whole": "loaded whole",
    "stream": "streamed",
    "cursor": "by a server-side cursor",
    "copy": "by COPY",
}
"""What a driver says of a statement → how a reader is told."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """``rows`` of all executions together and ``largest``, those of the one with the most. ``size`` are the bytes of
    the values as the server sent them, without the protocol's frames; None where nobody counted. ``how`` are keys of
    FETCHES."""

    rows: int = 0
    largest: int = 0
    size: int | None = None
    how: tuple[str, ...] = ()
