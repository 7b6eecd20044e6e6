"""One process's database over its run, and the spare that takes its place when a test has written to it.

A clone of 170 MB takes a tenth of a second, a rename none: so once a test has written, the next clone is made in the
background while tests run; beside it, as a drop takes a quarter of that time, what was written to is dropped. What is
left unused at the end stays, on a server of our own, as the first database of the next run.
"""

from __future__ import annotations

import contextlib
import secrets
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.postgres import markers
from pytest_perfbudget.postgres.background import Background, disturbing
from pytest_perfbudget.postgres.clones import Clone, clone, configured, copy, drop, settled
from pytest_perfbudget.postgres.markers import CLONE, PREFIX, SPARE, Marker, quoted

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.server import Server
    from pytest_perfbudget.postgres.templates import Template


class Spares:
    """The databases of one process, one at a time under one name."""

    def __init__(self, server: Server, template: Template) -> None:
        self._server, self._template = server, template
        # A test that wants another database while it is undisturbed must not wait for a spare that waits for its end.
        self._maker = Background(server, "perfbudget-spares", patient=False)
        self._dropper = Background(server, "perfbudget-drops", patient=True)
        self._next: Future[str] | None = None

    def first(self, name: str) -> Clone:
        """The database ``name``: a spare that an earlier run left, else a new clone.

        Raises:
            ServerError: a database of this name is not ours; the disk is full.
        """
        with disturbing(self._server.admin, self._server):
            for spare in markers.spares(self._server.admin):
                if spare.marker.hash == self._template.hash and (claimed := self._rename(spare.name, name)):
                    return claimed
            return clone(self._server, self._template, name)

    def renew(self, used: Clone) -> Clone:
        """A clone in the template's state under the same name: ``used`` itself where provably nothing was written.
        Ends all sessions of the database.

        Raises:
            ServerError: the disk is full.
        """
        if settled(self._server, used):
            return used
        fresh = self._replace(used)
        if self._next is None:
            self._next = self._maker.submit(self._make)
        return fresh

    def close(self, used: Clone, *, keep: bool = True) -> None:
        """Drop what was written to. With ``keep`` one clone in the template's state stays if the server is our own."""
        spare = self._take()
        self._maker.close()
        self._dropper.close()
        if self._server.throwaway and keep:
            unused = spare or (used.name if settled(self._server, used) else None)
            if unused:
                self._keep(unused)
        elif spare:
            drop(self._server, spare)
        drop(self._server, used.name)

    def _replace(self, used: Clone) -> Clone:
        spare, worn = self._take(), _name()
        if spare and (fresh := self._rename(spare, used.name, used.name, worn)):
            self._dropper.submit(partial(markers.drop, name=worn))
            return fresh
        drop(self._server, used.name)
        return clone(self._server, self._template, used.name)

    def _rename(self, spare: str, name: str, *before: str) -> Clone | None:
        """The spare under its new name, after renaming ``before`` from one to another; None if it is not to be had."""
        import psycopg

        marker = Marker(CLONE, self._server.run, self._template.hash)
        steps = [before, (spare, name)] if before else [(spare, name)]
        commands = [f"ALTER DATABASE {quoted(old)} RENAME TO {quoted(new)}" for old, new in steps]
        try:
            self._server.admin.execute(";".join([*commands, marker.comment(name)]))
        except (psycopg.errors.InvalidCatalogName, psycopg.errors.ObjectInUse, psycopg.errors.DuplicateDatabase):
            return None
        return configured(self._server, self._template, name)

    def _keep(self, name: str) -> None:
        """Spares of one template at a time: they are as large as it is."""
        admin, kept = self._server.admin, _name()
        for other in markers.spares(admin):
            if other.marker.hash != self._template.hash:
                drop(self._server, other.name)
        marker = Marker(SPARE, "", self._template.hash)
        admin.execute(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(kept)};{marker.comment(kept)}")

    def _take(self) -> str | None:
        """The spare that was ordered, waited for; None if there is none or it could not be made."""
        import psycopg

        ordered, self._next = self._next, None
        with contextlib.suppress(psycopg.Error, PerfbudgetError):
            return ordered.result() if ordered else None
        return None

    def _make(self, admin: psycopg.Connection) -> str:
        name = _name()
        copy(admin, self._server.run, self._template, name)
        return name


def _name() -> str:
    return f"{PREFIX}s_{secrets.token_hex(6)}"
