"""The line of a template that sent a statement: a lazy queryset is evaluated where the template iterates over it.

Imported once the application has imported Django's templates, never before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

from django.template.base import Node, Template

from pytest_perfbudget.capture.hub import PLACE
from pytest_perfbudget.pool.patching import Patches
from pytest_perfbudget.sites import Site, shown

_RENDERS = Node.render_annotated.__code__


def patch(patches: Patches) -> None:
    """Look for templates while one is rendered, and only then."""
    patches.wrap(Template, "render", _rendering)


def _rendering(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def render(self: Any, context: Any) -> Any:
        __tracebackhide__ = True
        token = PLACE.set(in_template)
        try:
            return original(self, context)
        finally:
            PLACE.reset(token)

    return render


def in_template(site: Site | None, root: str) -> Site | None:
    """The template's line in place of ``site``, where no frame of the user is nearer. The function stays the one that
    rendered it."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code is _RENDERS:
            if (found := _of_node(frame.f_locals["self"], root)) is not None:
                return Site(*found, site.function if site else "")
        elif shown(frame.f_code.co_filename, root) is not None:
            return site
        frame = frame.f_back
    return site


def _of_node(node: Any, root: str) -> tuple[str, int] | None:
    """File and line; None for a template of a library or without a file."""
    name = getattr(getattr(node, "origin", None), "name", None)
    if not isinstance(name, str) or node.token is None or (file := shown(name, root)) is None:
        return None
    return file, int(node.token.lineno)
