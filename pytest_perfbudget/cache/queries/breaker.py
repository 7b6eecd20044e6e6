"""What both kinds of store share: keys, scripts, and not asking again at once who has just failed to answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from redis.exceptions import RedisClusterException, RedisError

from pytest_perfbudget.cache.queries.steps import Ask, Unreachable
from pytest_perfbudget.cache.queries.versions import SCRIPTS


@lru_cache(maxsize=16)
def prefix(server: str, run: str) -> str:
    """Of all keys of one PostgreSQL database on one run of Redis; the braces put them in one slot of a cluster."""
    return f"perfbudget:{{{server}}}:{run}:"


@dataclass
class Breaker:
    """Open for ``pause`` seconds after a failure; ``last`` is the text of the last one."""

    pause: float
    clock: Callable[[], float]
    last: str = ""
    _open_until: float = float("-inf")

    def check(self) -> None:
        """Raises Unreachable while it is open."""
        if self.clock() < self._open_until:
            raise Unreachable(self.last)

    def refused(self, error: Exception) -> None:
        """Redis answers, but not this."""
        self.last = f"{type(error).__name__}: {error}"

    def failed(self, error: Exception) -> None:
        self.refused(error)
        self._open_until = self.clock() + self.pause


@cache
def source(name: str) -> tuple[str, str]:
    """A script and the digest Redis knows it by."""
    return SCRIPTS[name], hashlib.sha1(SCRIPTS[name].encode(), usedforsecurity=False).hexdigest()


_LISTS = ("MGET", "look")


def checked(step: Ask, answer: Any) -> Any:
    """The answer, if it has the form that Redis gives it. Raises ValueError."""
    if step.command in _LISTS:
        fits = isinstance(answer, list) and len(answer) == len(step.keys)
        fits = fits and all(one is None or isinstance(one, bytes) for one in answer)
    else:
        fits = isinstance(answer, int) if step.command in SCRIPTS else not isinstance(answer, list)
    if not fits:
        raise ValueError(f"Redis answered {step.command} with something else")
    return answer


FAILURES = (RedisError, RedisClusterException, OSError, ValueError, LookupError, TypeError, AttributeError)
"""Of Redis, the network, and redis-py where it reads something else than it expects."""


def run_id(info: Any) -> str:
    """Of the answer to INFO: which start of which server this is. 64 bits of it, as every key has it in its name."""
    text = info.decode(errors="replace") if isinstance(info, bytes) else str(info)
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == "run_id" and value:
            return value[:16]
    raise ValueError("INFO names no run_id")
