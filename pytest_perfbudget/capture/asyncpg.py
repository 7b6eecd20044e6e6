"""asyncpg, watched where it speaks to the server: connections, pools and prepared statements made earlier as well.

Every public method (``Connection.execute`` and ``fetch…``, ``executemany``, ``PreparedStatement``, cursors, ``copy_…``,
those of a pool) comes down to a few methods of the connection's ``Protocol``, each of them one round trip; these are
wrapped. ``Protocol`` and ``Connection._protocol`` are private to asyncpg: one that is without them is not watched, and
a warning says so.

Counted as round trips: an execution 1, and 1 more where it had to be prepared first (asyncpg keeps the last 100
statements of a connection prepared); a cursor 1, 1 for each batch it fetches and 1 for its end; a COPY 1.
No statements of the application are what asyncpg asks for itself: the types of a statement, literals for a COPY, BEGIN,
COMMIT, ROLLBACK and savepoints of its ``transaction()``, the reset of a connection that goes back to its pool.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import partial, wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture import auto_explain
from pytest_perfbudget.capture.asyncpg_tap import own, tap_of
from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.pool.patching import Patches

if TYPE_CHECKING:
    from pytest_perfbudget.capture.hub import Hub

OWN = ("reset", "reload_schema_state", "_introspect_types", "_introspect_type")
"""Methods of a connection whose statements are asyncpg's own."""
QUOTING = ("_mogrify",)
"""The arguments of a COPY, which takes none, are quoted by the server."""
COPY = ("copy_from_query", "copy_from_table", "copy_records_to_table", "copy_to_table")
PUBLIC = ("execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "prepare", *COPY)
"""Methods of connections, pools and prepared statements whose line is that of the call, whoever awaits them."""
TRANSACTION = ("start", "commit", "rollback", "__aexit__")


class Asyncpg:
    """The driver ``asyncpg``. Nothing is imported: the methods are wrapped once the application has imported it."""

    name = "asyncpg"

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._patches = Patches()
        self._installed = False

    def available(self) -> bool:
        """Whether asyncpg is installed."""
        return "asyncpg" in sys.modules or find_spec("asyncpg") is not None

    def install(self, hub: Hub) -> None:
        """Report to ``hub``; wraps the methods at the first call, or when asyncpg is imported."""
        self._hub = hub
        if not self._installed:
            self._installed = True
            when_imported("asyncpg", self._patch)

    def uninstall(self) -> None:
        """Put the methods back."""
        self._hub = None
        forget("asyncpg", self._patch)
        self._patches.undo()
        self._installed = False

    def _patch(self) -> None:
        from asyncpg import utils
        from asyncpg.connection import Connection
        from asyncpg.pool import Pool
        from asyncpg.prepared_stmt import PreparedStatement
        from asyncpg.protocol import Protocol
        from asyncpg.transaction import Transaction

        from pytest_perfbudget.capture import asyncpg_methods as methods

        if (lacking := _lacking(Connection, Protocol, methods.WRAPPERS)) is not None:
            warnings.warn(f"perfbudget: statements of this asyncpg are not seen: it has no {lacking}", stacklevel=2)
            return

        def hub() -> Hub | None:
            return self._hub

        for wrapper in methods.WRAPPERS:
            self._patches.cover(Protocol, wrapper.__name__, partial(_wrapped, wrapper, hub))
        self._patches.wrap(Connection, "__init__", partial(_wrapped, _owned, hub))
        self._patches.wrap(Connection, "_process_log_message", partial(_wrapped, _divided, hub))
        for connection in gc.get_objects():
            # By its type: isinstance would ask lazy objects of the application for their class, and make them.
            if issubclass(type(connection), Connection):
                own(connection)
        self._cover(methods.of_the_driver, hub, {Connection: OWN, Transaction: TRANSACTION, utils: QUOTING})
        self._cover(methods.located, hub, dict.fromkeys((Connection, Pool, PreparedStatement), PUBLIC))

    def _cover(self, wrapper: Any, hub: Any, names: Mapping[Any, Sequence[str]]) -> None:
        """Where they are there: not every asyncpg has all of them."""
        for kind, wanted in names.items():
            for name in wanted:
                if name in vars(kind):
                    self._patches.cover(kind, name, partial(_wrapped, wrapper, hub))


def _lacking(connection: type[Any], protocol: type[Any], wrappers: Sequence[Any]) -> str | None:
    """What is wrapped and not there."""
    wanted = [(connection, name) for name in ("_protocol", "_process_log_message")]
    wanted += [(protocol, wrapper.__name__) for wrapper in wrappers]
    return next((f"{kind.__name__}.{name}" for kind, name in wanted if not hasattr(kind, name)), None)


def _wrapped(wrapper: Any, hub: Any, original: Any) -> Any:
    return wrapper(original, hub)


def _owned(original: Any, hub: Any) -> Any:
    """``Connection.__init__``: its protocol knows it from now on."""

    @wraps(original)
    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807
        original(self, *args, **options)
        own(self)

    return __init__


def _divided(original: Any, hub: Any) -> Any:
    """A connection's notices: plans go to the statement that made them, everything else to the application."""

    def _process_log_message(self: Any, fields: Any, last_query: Any) -> Any:
        current = hub()
        body = auto_explain.document(fields.get("M", "").encode()) if current is not None else None
        if body is None or (tap := tap_of(self._protocol, current)) is None:
            return original(self, fields, last_query)
        return tap.place(body, tap.stepping)

    return _process_log_message
