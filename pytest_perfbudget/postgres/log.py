"""The server's log as a source of statements: what makes a server write it, and how it is read, through SQL, wherever
the server runs.

Order is the log's: a backend has written a line before its client is told, and the collector writes whole messages in
the order in which they were finished. So everything that was answered before a mark was written stands before the mark.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.log_formats import CSV, JSON, Entry, Format

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.server import Server

_JSON_SINCE = 15
_CHUNK = 1 << 20  # bytes
_PATIENCE = 10.0  # seconds the collector may take to write a line
_PAUSE = 0.0005  # seconds between two looks
_FILE = "server.log"
_WORDS = "perfbudget mark"

LOGGED = {
    "log_min_duration_statement": "0",
    "log_min_messages": "info",
    "log_min_error_statement": "error",
    "log_error_verbosity": "default",
    "log_parameter_max_length": "-1",
    "log_statement": "none",
    "log_duration": "off",
    "lc_messages": "C",
}
"""On a clone: every statement with its parameters, every error, and auto_explain's INFO, which clients get as well."""

_CAN = """
select current_user, current_setting('is_superuser') = 'on', current_setting('logging_collector') = 'on',
       current_setting('log_destination')"""
_MARK = """
DO $$ BEGIN PERFORM set_config('log_min_messages', 'log', true); RAISE LOG '{}'; END $$"""


def log_format(major: int) -> Format:
    """jsonlog, or csvlog before 15."""
    return JSON if major >= _JSON_SINCE else CSV


def arguments(major: int, folder: str) -> list[str]:
    """What starts a server of our own that writes its log as data too; after :func:`profile.command_line`, as the last
    word on a setting wins. ``folder`` relative is below the server's data."""
    settings = {
        "logging_collector": "on",
        "log_destination": log_format(major).name,
        "log_directory": folder,
        "log_filename": _FILE,
        "log_rotation_age": "0",
        "log_rotation_size": "0",
    }
    return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]


def check(admin: psycopg.Connection, major: int) -> None:
    """Refuse a server whose log cannot be read.

    Raises:
        ServerError: why, and what to do.
    """
    wanted = log_format(major).name
    user, superuser, collects, destination = admin.execute(_CAN).fetchone() or ("", False, False, "")
    ours = "or take a server of the plugin's own: --perf-server=embedded"
    if not superuser:
        raise ServerError(
            f"server_log: {user} is no superuser, and may neither have statements logged nor read the log",
            remedy=f"name a superuser in the DSN, {ours}",
        )
    if not collects or wanted not in [part.strip() for part in destination.split(",")]:
        state = f"logging_collector = {'on' if collects else 'off'}, log_destination = {destination}"
        raise ServerError(
            f"server_log: the server writes no {wanted} ({state})",
            remedy=f"set logging_collector = on and log_destination = '{wanted}' there and restart it,\n{ours}",
        )


@dataclass
class ServerLog:
    """The log of a server as far as it is about one database, from one mark to the next. ``server`` has passed
    :func:`check`."""

    server: Server
    database: str
    _name: str = ""
    _position: int = 0
    _deadline: float = 0.0
    _stream: Iterator[Entry] = field(default_factory=lambda: iter(()), repr=False)

    @property
    def format(self) -> Format:
        return log_format(self.server.major)

    def begin(self) -> None:
        """What is written from now on counts.

        Raises:
            ServerError: the server is gone, or names no log.
        """
        self._name = self._current()
        ((size,),) = self._ask("select size from pg_stat_file(%s)", self._name)
        # The file may end within a record: reading begins with the end of a line.
        self._position, self._stream = max(size - 1, 0), self._follow(b"" if size else b"\n")
        for _ in self._until(self._write_mark()):
            pass

    def entries(self) -> Iterator[Entry]:
        """The entries since :meth:`begin`, or the last call, complete: up to a mark made now. To be read to the end.

        Raises:
            ServerError: the mark does not appear; the server is gone.
        """
        return self._until(self._write_mark())

    def _until(self, mark: str) -> Iterator[Entry]:
        self._deadline = time.monotonic() + _PATIENCE
        for entry in self._stream:
            if entry.message == mark:
                return
            if entry.database == self.database:
                yield entry
        raise ServerError(f"the server's log does not show what was written to it {_PATIENCE:g} s ago: {self._name}")

    def _follow(self, text: bytes) -> Iterator[Entry]:
        """Entries as they are written; ends where nothing has come for too long. The first may begin anywhere."""
        about, aligned = (self.database.encode(), _WORDS.encode()), False
        while time.monotonic() < self._deadline:
            chunk = self._read()
            if not chunk:
                self._turn()
                time.sleep(_PAUSE)
                continue
            self._deadline = time.monotonic() + _PATIENCE
            self._position, text = self._position + len(chunk), text + chunk
            if not aligned and (first := self.format.begins.search(text)):
                text, aligned = text[first.start() + 1 :], True
            if aligned:
                ready, text = self.format.split(text)
                yield from self.format.entries(ready, about)

    def _read(self) -> bytes:
        sql = "select pg_read_binary_file(%s, %s, %s, true)"
        ((chunk,),) = self._ask(sql, self._name, self._position, _CHUNK)
        return bytes(chunk or b"")

    def _turn(self) -> None:
        """To the file the server has gone on to, where it was rotated and this one is read to its end."""
        current = self._current()
        if current != self._name:
            self._name, self._position, self._deadline = current, 0, time.monotonic() + _PATIENCE

    def _write_mark(self) -> str:
        words = f"{_WORDS} {secrets.token_hex(8)}"
        self._ask(_MARK.format(words))
        return words

    def _current(self) -> str:
        ((name,),) = self._ask("select pg_current_logfile(%s)", self.format.name)
        if not name:
            raise ServerError(f"the server says of no file that it is its {self.format.name}")
        return str(name)

    def _ask(self, sql: str, *params: object) -> Sequence[tuple[Any, ...]]:
        """The rows, in binary: a chunk of the log would be twice as long in hexadecimal digits."""
        import psycopg

        try:
            cursor = self.server.admin.cursor(binary=True)
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError as error:
            raise ServerError(f"the server's log cannot be read: {str(error).strip()}") from None
