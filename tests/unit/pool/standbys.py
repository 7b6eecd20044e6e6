"""A streaming standby of a server of ours, made with pg_basebackup."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from pytest_perfbudget.postgres.binaries import find_wheel
from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.processes.unprivileged import server_user

PORT = 5433


@contextmanager
def standby(server: Server) -> Iterator[Path]:
    """The folder of its socket; port 5433."""
    user, wheel = server_user(), find_wheel()
    assert wheel is not None
    (data,) = server.admin.execute("SHOW data_directory").fetchone() or ("",)
    primary = conninfo_to_dict(server.dsn("postgres"))
    folder = Path(tempfile.mkdtemp(prefix="pb-standby-"))
    user.own(folder)
    bins = wheel.bin_folder(Path(data).parents[1], user)

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd="/", **user.popen())

    copy, options = folder / "data", f"-c unix_socket_directories={folder} -c port={PORT} -c listen_addresses="
    try:
        backup = ("-R", "-X", "stream", "-c", "fast", "-U", "postgres", "-D", copy)
        run(bins / "pg_basebackup", "-h", str(primary["host"]), "-p", str(primary.get("port", 5432)), *backup)
        run(bins / "pg_ctl", "-D", copy, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield folder
        finally:
            run(bins / "pg_ctl", "-D", copy, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
