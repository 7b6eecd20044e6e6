"""A PgBouncer of our own before a server: transaction mode, on a unix socket in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import conninfo
from pytest_perfbudget.processes.unprivileged import ServerUser, server_user

_PORT = 6432
_START = 10.0
_FILES = {"sslrootcert": "server_tls_ca_file", "sslcert": "server_tls_cert_file", "sslkey": "server_tls_key_file"}
_WATCHED = 'folder=$1; shift; "$@" </dev/null & it=$!; read -r _; kill -INT "$it"; wait "$it"; rm -rf "$folder"'
"""The shell reads from a pipe of ours: it ends when we say so, and when we are gone, however that came about."""


def program() -> str | None:
    """The program on PATH, or in the folders that a user's PATH can lack; None where it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


MISSING = "pgbouncer is not installed (Debian and Ubuntu: apt-get install pgbouncer)"


class PgBouncer:
    """A context manager; ``dsn`` is the URL of the same database through PgBouncer, ``version`` such as ``1.18.0``.

    ``connections`` is the number of server connections it keeps; ``settings`` are further ones of ``[pgbouncer]``.
    """

    def __init__(self, dsn: str, *, connections: int = 4, settings: Mapping[str, str] | None = None) -> None:
        self._params = conninfo.parse(dsn)
        self._settings = {
            "listen_addr": "",
            "listen_port": str(_PORT),
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": str(connections),
            "max_client_conn": "500",
            "ignore_startup_parameters": "extra_float_digits,options",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.version = ""
        self.dsn = ""

    def __enter__(self) -> PgBouncer:
        """Start it.

        Raises:
            ServerError: it is not installed, or did not start; its log is quoted.
        """
        found, user = program(), server_user()
        if found is None:
            raise ServerError(MISSING)
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        self.version = said.split()[1]
        self._folder = Path(tempfile.mkdtemp(prefix="perfbudget-pgb-"))
        try:
            self._start(found, user)
        except BaseException:
            self.close()
            raise
        return self

    def _start(self, found: str, user: ServerUser) -> None:
        written = self._folder / "pgbouncer.ini"
        written.touch(0o600)
        written.write_text(self._configuration(self._encryption(user)))
        for path in (written, self._folder):
            user.own(path)
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, "sh", str(self._folder), found, str(written)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                **user.popen(),
            )
        self.dsn = conninfo.url(
            {"user": self._params.get("user", "perfbudget"), "host": str(self._folder), "port": str(_PORT)},
            self._params.get("dbname", ""),
        )
        self._answers()

    def _encryption(self, user: ServerUser) -> dict[str, str]:
        """What the DSN says of it, for the connections to the server; its files as copies that ``user`` can read."""
        mode = self._params.get("sslmode", "")
        given = {key: self._params.get(key, "") for key in _FILES}
        files = {key: path for key, path in given.items() if path not in ("", "system")}
        if mode == "require" and "sslrootcert" in files:
            mode = "verify-ca"  # as libpq takes it
        for key, path in files.items():
            copied = self._folder / key
            copied.touch(0o600)
            copied.write_bytes(Path(path).read_bytes())
            user.own(copied)
        found = {_FILES[key]: str(self._folder / key) for key in files}
        return {"server_tls_sslmode": mode, **found} if mode else {}

    def _configuration(self, encryption: Mapping[str, str]) -> str:
        target = {key: self._params[key] for key in ("host", "port", "user", "password") if self._params.get(key)}
        database = " ".join(f"{key}='{value.replace(chr(39), chr(39) * 2)}'" for key, value in target.items())
        settings = {"unix_socket_dir": str(self._folder), **encryption, **self._settings}
        lines = [f"{key} = {value}" for key, value in settings.items()]
        return "\n".join(["[databases]", f"* = {database}", "[pgbouncer]", *lines, ""])

    def _answers(self) -> None:
        import psycopg

        end = time.monotonic() + _START
        while True:
            try:
                self.show("VERSION")
            except psycopg.OperationalError:
                if time.monotonic() < end:
                    time.sleep(0.01)
                    continue
                said = conninfo.redact((self._folder / "log").read_text(errors="replace"), self._params)
                raise ServerError(f"PgBouncer did not answer within {_START:g} s", remedy=said[-2000:]) from None
            return

    def show(self, what: str) -> list[dict[str, Any]]:
        """The rows of ``SHOW POOLS``, ``SHOW STATS`` and the like, on PgBouncer's own console."""
        import psycopg
        from psycopg.rows import dict_row

        with (
            psycopg.connect(
                host=str(self._folder), port=_PORT, dbname="pgbouncer", user="pgbouncer", autocommit=True
            ) as console,
            psycopg.ClientCursor(console, row_factory=dict_row) as cursor,
        ):
            return cursor.execute(f"SHOW {what}").fetchall()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it; its folder goes too."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
        if self._folder != Path():
            shutil.rmtree(self._folder, ignore_errors=True)
