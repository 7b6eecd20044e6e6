"""What a run removes beside its own folder: the folders of dead runs, and nothing that only looks like one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_perfbudget.processes.run_folder import ROOM, RunFolder, plan, sweep
from pytest_perfbudget.processes.unprivileged import ourselves, server_user

MINE = "perfbudget-0123456789ab"


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("perfbudget-ba9876543210", True),
        ("perfbudget-ba9876543210-c", True),
        ("perfbudget-ba9876543210-rc", True),
        (MINE, False),
        ("perfbudget-test-cache-abcdefgh", False),
        ("perfbudget-reports", False),
        ("perfbudget-ba9876543210.txt", False),
    ],
)
def test_only_the_folders_of_runs_are_swept(tmp_path: Path, name: str, goes: bool) -> None:
    left, user = tmp_path / name, server_user()
    left.mkdir()
    user.own(left)
    os.utime(left, (0, 0))
    sweep(RunFolder(tmp_path / MINE), user)
    assert left.exists() is not goes


@pytest.mark.parametrize(("kind", "has"), [("", True), ("-c", True), ("-r", False), ("-rc", False), ("-s", False)])
def test_the_room_of_a_run_goes_with_its_postgresql_alone(kind: str, has: bool) -> None:
    folder = plan("0123456789abcdef", ourselves(), "socket", kind)
    room = plan("0123456789abcdef", ourselves(), "room", ROOM).path
    assert folder.room == (room if has else None)
