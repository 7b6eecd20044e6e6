"""All caches of a test on account, while its body runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from pytest_perfbudget.capture.caches.clients import Client, clients
from pytest_perfbudget.capture.caches.fetches import Fetches
from pytest_perfbudget.capture.caches.ledger import QUERY_CACHE, CommandLedger
from pytest_perfbudget.model.cache import CachesUse, CacheUse

UNKNOWN = "what its entries are made of is the application's, so that nobody can tell a stale one"


@dataclass(slots=True)
class Watched:
    """``use`` is complete when the watching has ended."""

    use: CachesUse = field(default_factory=lambda: CachesUse(()))


@contextmanager
def watching(
    root: str = "",
    *,
    checks: bool = False,
    quiet: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[Watched]:
    """Every client of Redis and every query cache of the process; ``root`` is the folder lines are shown relative to.

    With ``checks`` hits of query caches are compared with the database; ``quiet`` keeps that out of the test's
    statements.
    """
    watched, ledger, installed = Watched(), CommandLedger(), clients()
    fetches = Fetches(ledger.tick, checks=checks, quiet=quiet, root=root)
    with ExitStack() as stack:
        for client in installed:
            stack.callback(client.uninstall)
            client.install(ledger, root)
        stack.callback(fetches.uninstall)
        fetches.install()
        yield watched
    watched.use = _use(installed, ledger, fetches)


def _use(installed: tuple[Client, ...], ledger: CommandLedger, fetches: Fetches) -> CachesUse:
    found = {use.name: use for use in ledger.caches()}
    ours = fetches.use(found.pop(QUERY_CACHE, CacheUse(QUERY_CACHE)))
    kinds = (*(client.name for client in installed), QUERY_CACHE)
    caches = [_foreign(use) for use in found.values()] + [ours]
    return CachesUse(kinds, tuple(use for use in caches if use.used))


def _foreign(use: CacheUse) -> CacheUse:
    """Where nothing was answered, no answer was stale."""
    return replace(use, why_stale=UNKNOWN) if use.hits else use
