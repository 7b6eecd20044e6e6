"""The process that outlives us: it stops the server and removes the run's folder when nobody uses them any more.

Every process of the run holds the lifeline open for writing and never writes. When the last of them is gone, by
whatever death, the supervisor reads the end of the file.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.processes.run_folder import RunFolder
from pytest_perfbudget.processes.unprivileged import ServerUser

if TYPE_CHECKING:
    from pytest_perfbudget.processes.runner import Launch

ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
"""Of a server's programs: nothing of the user's (PGDATA, PGOPTIONS, LD_PRELOAD) reaches them."""

# Arguments: the run's folder, its room if this is PostgreSQL's, the data folder, the server's command. A background
# list reads /dev/null unless told otherwise, hence descriptor 3. The trap is set after `read`, which some shells do not
# interrupt. The watcher tidies up where its parent was killed: then the server is nobody's unreaped child and `kill`
# fails once it has stopped. It asks again each second, as a server that has only begun to start does not hear the first
# time.
# A server that was killed leaves a System V segment, whose id is on line 7 of its postmaster.pid.
_SCRIPT = r"""
run=$1 room=$2 data=$3; shift 3
exec 3<&0 </dev/null
{
    "$@" 3<&- &
    server=$!
    {
        read -r _ <&3
        exec 3<&-
        pause=
        trap 'kill $pause; exit' TERM
        seconds=0
        while kill -INT $server; do
            sleep 1 &
            pause=$!
            wait $pause
            seconds=$((seconds + 1))
            [ $seconds -eq 20 ] && kill -QUIT $server
        done
        rm -rf "$run" "$room"
    } 2>/dev/null &
    watch=$!
    exec 3<&-
    wait $server
    kill $watch 2>/dev/null
    wait $watch 2>/dev/null
    if [ -f "$data/postmaster.pid" ]; then
        set -- $(sed -n 7p "$data/postmaster.pid")
        [ -n "$2" ] && ipcrm -m "$2" 2>/dev/null
    fi
    rm -rf "$run" "$room"
} &
"""


@dataclass(slots=True)
class Lifeline:
    """Our end of the FIFO. A forked child gives it up, or it would keep the server after us."""

    fd: int

    def __post_init__(self) -> None:
        os.register_at_fork(after_in_child=self.close)

    @property
    def closed(self) -> bool:
        """Whether this process has left."""
        return self.fd < 0

    def severed(self) -> bool:
        """Whether the supervisor is gone, and the server with it; or we have left."""
        if self.closed:
            return True
        poll = select.poll()
        poll.register(self.fd, 0)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Leave."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)


def grasp(folder: RunFolder) -> Lifeline | None:
    """The lifeline of a server that is there already; None if there is none."""
    try:
        return Lifeline(os.open(folder.lifeline, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return None


def watches(folder: RunFolder) -> bool:
    """Whether there is a supervisor, which will remove the folder."""
    if lifeline := grasp(folder):
        lifeline.close()
    return lifeline is not None


def launch(folder: RunFolder, launch: Launch, user: ServerUser, alive: int) -> Lifeline:
    """Start the command under a supervisor; ``alive`` and the launch's own are the locks both hold from now on.

    The shell we start returns at once: the supervisor is nobody's child and, in a session of its own, out of
    Ctrl-C's reach.
    """
    folder.lifeline.unlink(missing_ok=True)
    os.mkfifo(folder.lifeline, 0o600)
    reader = os.open(folder.lifeline, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    lifeline = Lifeline(os.open(folder.lifeline, os.O_WRONLY | os.O_CLOEXEC))
    arguments = [str(folder.path), str(folder.room or ""), str(launch.data or ""), *launch.command]
    try:
        os.set_blocking(reader, True)
        with folder.log.open("ab") as log:
            user.own(folder.log)  # a server that collects its log goes on with this file
            subprocess.run(
                ["/bin/sh", "-c", _SCRIPT, "perfbudget", *arguments],
                stdin=reader, stdout=log, stderr=log, cwd="/", env=launch.environ, start_new_session=True,
                pass_fds=(alive, *launch.held), check=True, **user.popen(),
            )  # fmt: skip
    except BaseException:
        lifeline.close()
        raise
    finally:
        os.close(reader)
    return lifeline
