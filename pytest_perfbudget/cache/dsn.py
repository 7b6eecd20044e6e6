"""A Redis that is there already: an empty database of it is claimed, and only that one is ever emptied.

The claim is a key in the database. It names its process, so that what a killed run left is taken over: at once on the
same machine, else after a day.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_perfbudget.cache.server import RedisDatabase, RedisRequest, is_url, no_client, version_of
from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes.offer import Refusal

if TYPE_CHECKING:
    from redis import Redis

CLAIM = "pytest-perfbudget"
"""The key that says a database is ours."""

_ABANDONED = 24 * 3600  # seconds
_TRIED = 16  # databases, Redis's default


class Dsn:
    """``redis = "redis://…"``."""

    name = "dsn"

    def refusal(self, request: RedisRequest) -> Refusal | None:
        """Nothing is asked of the server before it is needed."""
        return no_client() if is_url(request.server) else Refusal("no URL was given", "redis = redis://host:port")

    def start(self, request: RedisRequest) -> ClaimedRedis:
        """A database that was empty, claimed for this process.

        Raises:
            ServerError: the server refuses; none of its databases is empty.
        """
        from redis import Redis
        from redis.exceptions import RedisError, ResponseError

        for number in range(_TRIED):
            client = Redis.from_url(_numbered(request.server, number), decode_responses=True)
            try:
                if _claimed(client):
                    return ClaimedRedis(_numbered(request.server, number), client)
            except ResponseError:
                break  # no database of that number
            except (RedisError, OSError) as error:
                raise ServerError(
                    f"Redis at {_shown(request.server)} refuses: {type(error).__name__}",
                    remedy="check host, port, user and password of the URL",
                ) from None
        raise ServerError(
            f"no database of the Redis at {_shown(request.server)} is empty",
            remedy='empty one (FLUSHDB), or have a server of the run\'s own: redis = "embedded"',
        )


@dataclass
class ClaimedRedis:
    """In use until :meth:`close`, which leaves the database empty."""

    url: str = field(repr=False)
    client: Redis = field(repr=False)
    kind: str = "dsn"

    def fresh(self) -> RedisDatabase:
        with self.client.pipeline(transaction=True) as pipeline:
            pipeline.flushdb()
            pipeline.set(CLAIM, _claim(self.client))
            pipeline.execute()
        return RedisDatabase(self.url, self.kind, version_of(self.client))

    def close(self) -> None:
        from redis.exceptions import RedisError

        with contextlib.suppress(RedisError, OSError):
            self.client.flushdb()
        self.client.close()


def _claimed(client: Redis) -> bool:
    """Whether the database was empty, or abandoned by one of us, and is ours now."""
    from redis.exceptions import WatchError

    if client.set(CLAIM, _claim(client), nx=True):
        if client.dbsize() == 1:
            return True
        client.delete(CLAIM)
        return False
    pipeline: Any = client.pipeline(transaction=True)
    with pipeline as taking_over:
        taking_over.watch(CLAIM)
        found = taking_over.get(CLAIM)
        if not found or not _abandoned(str(found), _now(client)):
            return False
        claim = _claim(client)
        taking_over.multi()
        taking_over.flushdb()
        taking_over.set(CLAIM, claim)
        try:
            taking_over.execute()
        except WatchError:
            return False  # another worker was faster
    return True


def _claim(client: Redis) -> str:
    return json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "at": _now(client)})


def _now(client: Redis) -> int:
    seconds: Any = client.time()
    return int(seconds[0])


def _abandoned(claim: str, now: int) -> bool:
    """Whether its process is dead, where that can be seen, or said nothing for a day; never of somebody else's key."""
    try:
        found = json.loads(claim)
        host, pid, at = found["host"], int(found["pid"]), int(found["at"])
    except (ValueError, TypeError, KeyError):
        return False
    if now - at > _ABANDONED:
        return True
    return host == socket.gethostname() and sys.platform != "win32" and not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _numbered(url: str, number: int) -> str:
    """The URL of a database of the same server."""
    place, _, query = url.partition("?")
    rest = [one for one in query.split("&") if one and not one.startswith("db=")]
    if not place.startswith("unix:"):
        scheme, _, where = place.partition("://")
        place = f"{scheme}://{where.partition('/')[0]}"
    return f"{place}?{'&'.join([*rest, f'db={number}'])}"


def _shown(url: str) -> str:
    """Host and port, or the path of the socket; never user, password or options."""
    parts = urlsplit(url)
    with contextlib.suppress(ValueError):
        return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
    return "the URL given"
