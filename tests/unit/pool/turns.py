"""The truth about turns on the network: a relay between client and server that counts them."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

FLUSH = b"H\x00\x00\x00\x04"
"""It has no answer, and libpq sends one after a Sync, whether or not the answer to that has come already."""
TERMINATE = b"X\x00\x00\x00\x04"
"""It has none either, and is read when the next connection may be counted already."""


class Relay:
    """A unix socket in ``folder`` before the server of ``dsn``. A turn: the client sends after the server has."""

    def __init__(self, dsn: str, folder: Path) -> None:
        params = conninfo_to_dict(dsn)
        self._server = f"{params['host']}/.s.PGSQL.{params.get('port', 5432)}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self.dsn = make_conninfo(dsn, host=str(folder), port=5432)
        self.turns = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            spoke = ["server"]  # who did last on this connection
            for source, target, name in ((client, server, "client"), (server, client, "server")):
                threading.Thread(target=self._relay, args=(source, target, name, spoke), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, name: str, spoke: list[str]) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if data not in (FLUSH, TERMINATE):
                    with self._lock:  # both threads of a connection count
                        self.turns += name == "client" and spoke[0] == "server"
                        spoke[0] = name
                target.sendall(data)
        target.close()

    def close(self) -> None:
        self._listener.close()
