"""Redis or Valkey for a run: where it comes from, and a database of it for each worker."""

from pytest_perfbudget.cache.container import Container
from pytest_perfbudget.cache.dsn import Dsn
from pytest_perfbudget.cache.embedded import Embedded
from pytest_perfbudget.cache.local import Local
from pytest_perfbudget.cache.server import RedisDatabase, RedisKind, RedisRequest, RedisServer

BUILTIN: tuple[RedisKind, ...] = (Container(), Embedded(), Local(), Dsn())
"""The kinds in the order ``auto`` asks them."""

__all__ = ["BUILTIN", "RedisDatabase", "RedisKind", "RedisRequest", "RedisServer"]
