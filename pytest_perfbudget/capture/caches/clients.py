"""redis-py and its twin valkey-py, watched where every command passes: at the connection, sync and async.

So pipelines, transactions, scripts, locks, clusters and whatever else stands on these clients are seen as well, and
clients made long before. What redis-py answers from its own memory (client-side caching) never passes.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from functools import partial, wraps
from importlib.util import find_spec
from typing import Any

from pytest_perfbudget.capture.caches.expiries import Where
from pytest_perfbudget.capture.caches.ledger import CommandLedger, Wire
from pytest_perfbudget.capture.caches.wire import FAILED
from pytest_perfbudget.capture.hub import LINE, at_line
from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.pool.patching import Patches
from pytest_perfbudget.sites import call_site, calling_line

_WIRE = "_perfbudget_wire"


class Client:
    """One package: ``name`` as its users call it, ``module`` as it is imported."""

    def __init__(self, name: str, module: str, kind: str) -> None:
        self.name, self.module, self._kind = name, module, kind
        self._ledger = CommandLedger()
        self._root = ""
        self._patches = Patches()
        self._waiting: list[tuple[str, Callable[[], None]]] = []

    def available(self) -> bool:
        """Whether it is installed. Does not import it."""
        return self.module in sys.modules or find_spec(self.module) is not None

    def install(self, ledger: CommandLedger, root: str) -> None:
        """Report to ``ledger`` once the application has imported it."""
        self._ledger, self._root = ledger, root
        self._waiting = [
            (f"{self.module}.connection", self._sync),
            (f"{self.module}.asyncio.connection", self._async),
            (f"{self.module}.asyncio.client", partial(self._located, "client", self._kind, "Pipeline")),
            (
                f"{self.module}.asyncio.cluster",
                partial(self._located, "cluster", f"{self._kind}Cluster", "ClusterPipeline"),
            ),
        ]
        for name, callback in self._waiting:
            when_imported(name, callback)

    def uninstall(self) -> None:
        """Put everything back."""
        for name, callback in self._waiting:
            forget(name, callback)
        self._patches.undo()

    def _sync(self) -> None:
        kind = sys.modules[f"{self.module}.connection"].AbstractConnection
        self._patches.wrap(kind, "send_packed_command", self._send)
        self._patches.wrap(kind, "read_response", self._read)
        self._patches.wrap(kind, "disconnect", _disconnect)

    def _async(self) -> None:
        kind = sys.modules[f"{self.module}.asyncio.connection"].AbstractConnection
        self._patches.wrap(kind, "send_packed_command", self._send_async)
        self._patches.wrap(kind, "read_response", self._read_async)
        self._patches.wrap(kind, "disconnect", _disconnect)

    def _located(self, room: str, client: str, pipeline: str) -> None:
        module, located = sys.modules[f"{self.module}.asyncio.{room}"], partial(_located, root=self._root)
        self._patches.wrap(getattr(module, client), "execute_command", located)
        self._patches.wrap(getattr(module, pipeline), "execute", located)

    def _send(self, original: Any) -> Any:
        ledger, root, client = self._ledger, self._root, self.name

        @wraps(original)
        def send_packed_command(self: Any, command: Any, *arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            began, packed = ledger.tick(), _whole(command)
            original(self, packed, *arguments, **options)
            ledger.sent(_wire(self, client), began, packed, call_site(root=root), threading.get_ident())

        return send_packed_command

    def _send_async(self, original: Any) -> Any:
        ledger, root, client = self._ledger, self._root, self.name

        @wraps(original)
        async def send_packed_command(self: Any, command: Any, *arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            began, packed = ledger.tick(), _whole(command)
            await original(self, packed, *arguments, **options)
            site = LINE.get() or call_site(root=root)
            ledger.sent(_wire(self, client), began, packed, site, id(asyncio.current_task()))

        return send_packed_command

    def _read(self, original: Any) -> Any:
        ledger, client, refused = self._ledger, self.name, self._refused()

        @wraps(original)
        def read_response(self: Any, *arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            try:
                reply = original(self, *arguments, **options)
            except refused:
                ledger.answered(_wire(self, client), FAILED)
                raise
            if not options.get("push_request"):
                ledger.answered(_wire(self, client), reply)
            return reply

        return read_response

    def _read_async(self, original: Any) -> Any:
        ledger, client, refused = self._ledger, self.name, self._refused()

        @wraps(original)
        async def read_response(self: Any, *arguments: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            try:
                reply = await original(self, *arguments, **options)
            except refused:
                ledger.answered(_wire(self, client), FAILED)
                raise
            if not options.get("push_request"):
                ledger.answered(_wire(self, client), reply)
            return reply

        return read_response

    def _refused(self) -> type[Exception]:
        """What the package raises for a reply that is an error."""
        found: type[Exception] = sys.modules[f"{self.module}.exceptions"].ResponseError
        return found


def clients() -> tuple[Client, ...]:
    """Those that are installed here."""
    known = (Client("redis-py", "redis", "Redis"), Client("valkey-py", "valkey", "Valkey"))
    return tuple(client for client in known if client.available())


def _whole(command: Any) -> Any:
    """Packed commands that can be read twice."""
    return command if isinstance(command, bytes | str | list | tuple) else list(command)


def _wire(connection: Any, client: str) -> Wire:
    known: Wire | None = vars(connection).get(_WIRE)
    if known is None:
        known = Wire(client, Where.of(connection))
        vars(connection)[_WIRE] = known
    return known


def _disconnect(original: Any) -> Any:
    """What was under way on it is lost, and it may lead to another server next. Of an async one too: what it gives is
    awaited by its caller."""

    @wraps(original)
    def disconnect(self: Any, *arguments: Any, **options: Any) -> Any:
        vars(self).pop(_WIRE, None)
        return original(self, *arguments, **options)

    return disconnect


def _located(original: Any, root: str) -> Any:
    """The coroutine, its commands being those of the line that made it."""

    @wraps(original)
    def called(self: Any, *arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        made = original(self, *arguments, **options)
        if not asyncio.iscoroutine(made) or (site := calling_line(root)) is None:
            return made  # a pipeline's command gives the pipeline
        return at_line(site, made)

    return called
