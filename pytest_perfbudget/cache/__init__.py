"""Redis or Valkey for a run: where it comes from, and a database of it for each worker. And the query cache, for
production as well: its names load only what they need."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.cache.container import Container
from pytest_perfbudget.cache.dsn import Dsn
from pytest_perfbudget.cache.embedded import Embedded
from pytest_perfbudget.cache.local import Local
from pytest_perfbudget.cache.server import RedisDatabase, RedisKind, RedisRequest, RedisServer

if TYPE_CHECKING:
    from pytest_perfbudget.cache.queries.accesses import AccessLog
    from pytest_perfbudget.cache.queries.cached import QueryCache
    from pytest_perfbudget.cache.queries.cached_async import AsyncQueryCache
    from pytest_perfbudget.cache.queries.state import Settings
    from pytest_perfbudget.cache.queries.usage import Usage

BUILTIN: tuple[RedisKind, ...] = (Container(), Embedded(), Local(), Dsn())
"""The kinds in the order ``auto`` asks them."""

__all__ = [
    "BUILTIN",
    "AccessLog",
    "AsyncQueryCache",
    "QueryCache",
    "RedisDatabase",
    "RedisKind",
    "RedisRequest",
    "RedisServer",
    "Settings",
    "Usage",
]

_ROOMS = {
    "AccessLog": "accesses",
    "AsyncQueryCache": "cached_async",
    "QueryCache": "cached",
    "Settings": "state",
    "Usage": "usage",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.queries.{_ROOMS[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        from pytest_perfbudget.errors import CacheError

        raise CacheError("redis is not installed", remedy="pip install 'pytest-perfbudget[cache]'") from None
