"""Keys that were written without an expiry: followed from command to command, and where that does not tell, asked of
the server when the test's body has ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.capture.caches.commands import Expiry
from pytest_perfbudget.sites import Site

_PATIENCE = 2.0  # seconds
_LASTS = -1
"""PTTL of a key that has no expiry."""

Key = tuple["Where", bytes]


@dataclass(frozen=True, slots=True)
class Where:
    """A database of Redis; ``refusal`` says why nobody but the application can connect to it."""

    path: str = ""
    host: str = ""
    port: int = 0
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    refusal: str = ""

    def __hash__(self) -> int:
        """Asked for with every key: the numbers tell enough."""
        return self.port * 256 + self.db

    @classmethod
    def of(cls, connection: Any) -> Where:
        """Where a connection of redis-py leads."""
        refusal = ""
        if any("SSL" in kind.__name__ for kind in type(connection).__mro__):
            refusal = "the connection is encrypted"
        elif getattr(connection, "credential_provider", None):
            refusal = "its credentials are the application's"
        return cls(
            path=str(getattr(connection, "path", "") or ""),
            host=str(getattr(connection, "host", "") or ""),
            port=int(getattr(connection, "port", 0) or 0),
            db=int(getattr(connection, "db", 0) or 0),
            username=getattr(connection, "username", None),
            password=getattr(connection, "password", None),
            refusal=refusal,
        )


class Expiries:
    """Of the keys a test wrote: those that still had no expiry when they were deleted, or at its end."""

    def __init__(self) -> None:
        self._now: dict[Key, tuple[Expiry, Site | None]] = {}
        self._deleted: dict[Key, Site | None] = {}

    def note(self, where: Where, key: bytes, expiry: Expiry, site: Site | None) -> None:
        """A write, in the order in which the server executed them."""
        place = (where, key)
        if expiry is Expiry.GONE:
            before = self._now.pop(place, None)
            if before and before[0] is Expiry.NONE:
                self._deleted[place] = before[1]
        elif expiry is not Expiry.KEPT:
            self._now[place] = (expiry, site)
        elif place not in self._now:
            self._now[place] = (Expiry.UNKNOWN, site)

    def lasting(self) -> tuple[list[tuple[bytes, Site | None]], str]:
        """The keys without an expiry, and why of others nobody knows (empty where all are known)."""
        found = {place: site for place, (expiry, site) in self._now.items() if expiry is Expiry.NONE} | self._deleted
        asked: dict[Where, list[bytes]] = {}
        for (where, key), (expiry, _) in self._now.items():
            if expiry is Expiry.UNKNOWN:
                asked.setdefault(where, []).append(key)
        whys = []
        for where, keys in asked.items():
            lasting, why = _asked(where, keys)
            found |= {(where, key): self._now[where, key][1] for key in lasting}
            if why:
                whys.append(f"the expiry of {len(keys)} keys could not be asked for: {why}")
        return [(key, site) for (_, key), site in found.items()], "; ".join(whys)


def _asked(where: Where, keys: Iterable[bytes]) -> tuple[list[bytes], str]:
    """Those of the keys that last, by a connection of our own."""
    from redis import Redis
    from redis.exceptions import RedisError

    if where.refusal:
        return [], where.refusal
    keys = list(keys)
    options: dict[str, Any] = {
        "db": where.db,
        "username": where.username,
        "password": where.password,
        "socket_timeout": _PATIENCE,
        "socket_connect_timeout": _PATIENCE,
        **({"unix_socket_path": where.path} if where.path else {"host": where.host, "port": where.port}),
    }
    try:
        with Redis(**options) as client, client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pttl(key)
            left = pipeline.execute()
    except (RedisError, OSError) as error:
        return [], f"{type(error).__name__}: {error}"
    return [key for key, life in zip(keys, left, strict=True) if life == _LASTS], ""
