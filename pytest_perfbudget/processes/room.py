"""Where the processes of a run are together, or one of them is alone: locks on files, which the kernel frees with the
last process that holds them.

Who wants to be alone closes the door first: nobody enters any more, those inside leave one after the other, so that
being alone is a matter of the longest test and not of luck.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pytest_perfbudget.processes import locks, run_folder
from pytest_perfbudget.processes.unprivileged import server_user


class Room:
    """One process's way into the room of its run, to be closed at its end.

    Raises:
        ServerError: no temporary folder can be used.
    """

    def __init__(self, run: str) -> None:
        self.path, self._alive = _folder(run)
        self._door, self._inside = locks.opened(self.path / "door"), locks.opened(self.path / "room")
        self._entered = False

    def enter(self) -> None:
        """Be inside with others; waits while somebody is alone or about to be."""
        locks.shared(self._door)
        locks.shared(self._inside)
        locks.released(self._door)
        self._entered = True

    def leave(self) -> None:
        """Be inside no longer."""
        locks.released(self._inside)
        self._entered = False

    @contextlib.contextmanager
    def alone(self, turn: float, patience: float) -> Iterator[bool]:
        """Whether this process is alone meanwhile; afterwards it is inside again if it was before.

        ``turn`` are the seconds it waits for others who want to be alone too, ``patience`` those for who is inside.
        Who is inside leaves before it waits: two that did not would wait for each other.
        """
        entered = self._entered
        self.leave()
        closed = locks.await_release(self._door, turn)
        try:
            yield closed and locks.await_release(self._inside, patience)
        finally:
            if closed:
                locks.released(self._inside)
                locks.released(self._door)
            if entered:
                self.enter()

    @property
    def spent(self) -> float:
        """The seconds that processes of the run were alone, as they said; to be set by who is."""
        return float(os.pread(self._inside, 64, 0) or 0)

    @spent.setter
    def spent(self, seconds: float) -> None:
        os.pwrite(self._inside, f"{seconds:<64.6f}".encode(), 0)

    def close(self) -> None:
        """Leave for good; the last one removes the folder."""
        if locks.alone(self._alive):
            shutil.rmtree(self.path, ignore_errors=True)
        for fd in (self._inside, self._door, self._alive):
            os.close(fd)


def _folder(run: str) -> tuple[Path, int]:
    """The run's folder and the lock that keeps it: not swept, as the folder of a dead run would be."""
    user = server_user()  # whose supervisor removes it where the run was killed
    folder = run_folder.plan(run, user, "room", run_folder.ROOM)
    while True:
        run_folder.make(folder, user)
        with contextlib.suppress(FileNotFoundError):  # the last of those before has just taken it away
            alive = locks.share(folder.alive)
            if locks.still_named(alive, folder.alive):
                run_folder.sweep(folder, user)
                return folder.path, alive
            os.close(alive)
