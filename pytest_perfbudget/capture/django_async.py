"""The line that awaits what asgiref does in a thread: Django's ORM is synchronous beneath ``await`` and ``async for``.

Imported once the application has imported asgiref, never before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from asgiref.sync import SyncToAsync

from pytest_perfbudget.capture.hub import PLACE, Hub
from pytest_perfbudget.pool.patching import Patches
from pytest_perfbudget.sites import Site, shown


def patch(patches: Patches, hub: Callable[[], Hub | None]) -> None:
    """Note who awaits, while statements are recorded."""
    patches.wrap(SyncToAsync, "__call__", partial(_noting, hub=hub))


def _noting(original: Callable[..., Any], hub: Callable[[], Hub | None]) -> Callable[..., Any]:
    @wraps(original)
    async def __call__(self: Any, *args: Any, **options: Any) -> Any:  # noqa: N807
        __tracebackhide__ = True
        watching = hub()
        if watching is None or watching.recording is None:
            return await original(self, *args, **options)
        token = PLACE.set(partial(_awaiting, watching.site(1)))
        try:
            return await original(self, *args, **options)
        finally:
            PLACE.reset(token)

    return __call__


def _awaiting(line: Site | None, site: Site | None, root: str) -> Site | None:
    """The line that awaits, where the thread has no frame of the user's."""
    return site if site is not None and shown(site.file, root) is not None else line
