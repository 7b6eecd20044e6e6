"""Pooled connections: accounts to the microsecond, a pool that sizes itself, pipelines, routing.

For production as well: importing this imports neither pytest nor the plugin, and each name only what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_perfbudget.pool.adaptive import AdaptivePool
    from pytest_perfbudget.pool.adaptive_async import AsyncAdaptivePool
    from pytest_perfbudget.pool.controller import Policy
    from pytest_perfbudget.pool.ledger import Account, Ledger, Taken
    from pytest_perfbudget.pool.pipeline import pipelined
    from pytest_perfbudget.pool.routing import routed, routed_async

__all__ = [
    "Account",
    "AdaptivePool",
    "AsyncAdaptivePool",
    "Ledger",
    "Policy",
    "Taken",
    "pipelined",
    "routed",
    "routed_async",
]

_ROOMS = {
    "Account": "ledger",
    "AdaptivePool": "adaptive",
    "AsyncAdaptivePool": "adaptive_async",
    "Ledger": "ledger",
    "Policy": "controller",
    "Taken": "ledger",
    "pipelined": "pipeline",
    "routed": "routing",
    "routed_async": "routing",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "psycopg_pool":
            raise
        from pytest_perfbudget.errors import PoolError

        raise PoolError("psycopg_pool is not installed", remedy="pip install 'pytest-perfbudget[pool]'") from None
