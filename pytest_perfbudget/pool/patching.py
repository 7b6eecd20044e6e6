"""Methods replaced and put back."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_INHERITED = object()


class Patches:
    """Attributes of classes and modules, each with what was there before."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def wrap(self, kind: type[Any], name: str, make: Callable[[Any], Any]) -> None:
        """Replace the method, where ``kind`` or a base of it defines it, by ``make(original)``; nothing without one."""
        owner = next((base for base in kind.__mro__ if name in vars(base)), None)
        if owner is not None:
            original = vars(owner)[name]
            self._before.append((owner, name, original))
            setattr(owner, name, make(original))

    def cover(self, kind: Any, name: str, make: Callable[[Any], Any]) -> None:
        """The same on ``kind`` itself, wherever the method is inherited from: a type written in C cannot be changed."""
        self._before.append((kind, name, vars(kind).get(name, _INHERITED)))
        setattr(kind, name, make(getattr(kind, name)))

    def undo(self) -> None:
        """All as it was, the last first."""
        while self._before:
            kind, name, before = self._before.pop()
            if before is _INHERITED:
                delattr(kind, name)
            else:
                setattr(kind, name, before)


class Request:
    """A request for a connection under way. ``served`` by a pool within the pool: that one's account has it."""

    __slots__ = ("record", "served")

    def __init__(self) -> None:
        self.served = False
        self.record: Any = None


OUTER: ContextVar[Request | None] = ContextVar("perfbudget_pool_request", default=None)
"""The request of the pool around this one: SQLAlchemy over psycopg_pool asks both for one connection."""
