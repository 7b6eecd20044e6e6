"""SQLAlchemy over the drivers that are watched: what it asks for itself is muted, what it loads is named.

Its statements are recorded by the driver beneath. No statements of the application are those of a dialect on its first
connection (version, schema, the type ``hstore``) and the ping of ``pool_pre_ping``. A statement that loads a
relationship gets the name of that, and the option that loads it with its parents: ``Order.lines``,
``selectinload(Order.lines)``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.hub import ORIGIN
from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.model import Origin
from pytest_perfbudget.pool.patching import Patches

if TYPE_CHECKING:
    from pytest_perfbudget.capture.hub import Hub

OWN = ("initialize", "do_ping")
"""Methods of a dialect whose statements are SQLAlchemy's own."""


class Sqlalchemy:
    """Beside the drivers, as one of them. Nothing is imported: it waits for the application to do so."""

    name = "SQLAlchemy"

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._patches = Patches()
        self._installed = False

    def available(self) -> bool:
        """Whether SQLAlchemy is installed."""
        return "sqlalchemy" in sys.modules or find_spec("sqlalchemy") is not None

    def install(self, hub: Hub) -> None:
        """For ``hub``; a second call only changes that."""
        self._hub = hub
        if not self._installed:
            self._installed = True
            when_imported("sqlalchemy.dialects.postgresql", self._patch)
            when_imported("sqlalchemy.orm", self._name)

    def uninstall(self) -> None:
        """All as it was."""
        self._hub = None
        forget("sqlalchemy.dialects.postgresql", self._patch)
        forget("sqlalchemy.orm", self._name)
        self._patches.undo()
        self._installed = False

    def _patch(self) -> None:
        from sqlalchemy.engine.default import DefaultDialect

        for dialect in _descendants(DefaultDialect):
            for name in OWN:
                if name in vars(dialect):
                    self._patches.cover(dialect, name, self._muted)

    def _muted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def method(*args: Any, **options: Any) -> Any:
            if self._hub is None:
                return original(*args, **options)
            with self._hub.mute():
                return original(*args, **options)

        return method

    def _name(self) -> None:
        from sqlalchemy.orm import Session

        self._patches.cover(Session, "execute", naming)


def naming(original: Callable[..., Any]) -> Callable[..., Any]:
    """``Session.execute``, by which every loader sends its statement: that of a relationship is sent by its name.
    The event ``do_orm_execute`` would tell as much, and have SQLAlchemy prepare each statement of the session twice."""

    @wraps(original)
    def execute(self: Any, statement: Any, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        # Private: without it no relationship is named.
        path = getattr(getattr(statement, "_compile_options", None), "_current_path", None)
        if path is None or path.is_root or (origin := origin_of(path)) is None:
            return original(self, statement, *args, **options)
        token = ORIGIN.set(origin)
        try:
            return original(self, statement, *args, **options)
        finally:
            ORIGIN.reset(token)

    return execute


def origin_of(path: Any) -> Origin | None:
    """The relationship a loader's path ends with; the option names those on the way to it."""
    from sqlalchemy.orm import RelationshipProperty

    steps = [step for step in path.path if isinstance(step, RelationshipProperty)]
    if not steps:
        return None
    return Origin(_named(steps[-1]), ".".join(f"{_loader(step)}({_named(step)})" for step in steps))


def _named(relationship: Any) -> str:
    return f"{relationship.parent.class_.__name__}.{relationship.key}"


def _loader(relationship: Any) -> str:
    """What loads many objects in one more statement, or one object with its children."""
    return "joinedload" if relationship.direction.name == "MANYTOONE" else "selectinload"


def _descendants(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _descendants(child)
