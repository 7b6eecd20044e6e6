"""Methods replaced and put back."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any


class Patches:
    """Attributes of classes, each with what was there before."""

    def __init__(self) -> None:
        self._before: list[tuple[type[Any], str, Any]] = []

    def wrap(self, kind: type[Any], name: str, make: Callable[[Any], Any]) -> None:
        """Replace the method, where ``kind`` or a base of it defines it, by ``make(original)``; nothing without one."""
        owner = next((base for base in kind.__mro__ if name in vars(base)), None)
        if owner is not None:
            original = vars(owner)[name]
            self._before.append((owner, name, original))
            setattr(owner, name, make(original))

    def undo(self) -> None:
        """All as it was, the last first."""
        while self._before:
            setattr(*self._before.pop())


class Request:
    """A request for a connection under way. ``served`` by a pool within the pool: that one's account has it."""

    __slots__ = ("record", "served")

    def __init__(self) -> None:
        self.served = False
        self.record: Any = None


OUTER: ContextVar[Request | None] = ContextVar("perfbudget_pool_request", default=None)
"""The request of the pool around this one: SQLAlchemy over psycopg_pool asks both for one connection."""
