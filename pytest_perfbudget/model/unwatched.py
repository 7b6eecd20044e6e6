"""What is not on the account of a test's caches, though it is sent or asked while its body runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

UNWATCHED: ContextVar[bool] = ContextVar("perfbudget_redis_unwatched", default=False)


@contextmanager
def unwatched() -> Iterator[None]:
    """What is sent meanwhile by this thread or task is the plugin's own."""
    token = UNWATCHED.set(True)
    try:
        yield
    finally:
        UNWATCHED.reset(token)
