"""The process of the reference: what it imports first, and what is said of one that hands nothing over."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from test_session_against_parcel import ORDER

from pytest_perfbudget.session.against.child import NoReferenceError, OutOfTimeError, run

TOLD = json.dumps({"first": [], "moved": {}, "variable": ""})


def called(folder: Path, *arguments: str, told: str = TOLD) -> NoReferenceError:
    with pytest.raises(NoReferenceError) as caught:
        run(["-p", "no:cacheprovider", *arguments], told, folder, dict(os.environ), ORDER)
    return caught.value


def gone(pid: int) -> bool:
    """A process that is dead and not waited for yet is gone too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" in status.read_text()


def test_an_exit_code_is_said_with_the_end_of_the_output(tmp_path: Path) -> None:
    error = called(tmp_path, "--no-such-option")
    assert error.what == "its run of pytest ended with exit code 4"
    assert "unrecognized arguments: --no-such-option" in error.remedy


def test_a_process_that_was_killed_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    assert called(tmp_path, str(tmp_path)).what == "its run of pytest was killed by SIGKILL"


def test_a_suite_whose_warnings_are_errors_is_run(tmp_path: Path) -> None:
    """pytest warns of our package, which the launcher imports, before it looks for a conftest."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "conftest.py").write_text("import os\nos._exit(7)\n")
    assert called(tmp_path, str(tmp_path)).what == "its run of pytest ended with exit code 7"


def test_what_is_cut_short_is_nothing(tmp_path: Path) -> None:
    """Killed in the middle of its answer, by the kernel where memory is short: that would be a traceback of ours."""
    (tmp_path / "conftest.py").write_text(
        "import os\n"
        "def pytest_configure(config):\n"
        "    os.write(int(config.option.perf_hand_over), bytes([0x85, 0xA5]) + b'tes')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert called(tmp_path, str(tmp_path)).what == "its run of pytest was killed by SIGKILL"


def test_what_does_not_end_in_time_is_ended(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(OutOfTimeError):
        run([str(tmp_path)], TOLD, tmp_path, dict(os.environ), ORDER, 3.0)
    assert not (tmp_path / "pid").exists() or gone(int((tmp_path / "pid").read_text()))


def test_what_it_leaves_running_is_ended_too(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import os, pathlib, subprocess\n"
        "left = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(left.pid))\n"
        "os._exit(7)\n"
    )
    assert called(tmp_path, str(tmp_path)).what == "its run of pytest ended with exit code 7"
    pid, deadline = int((tmp_path / "pid").read_text()), time.monotonic() + 60
    while not gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_modules_are_looked_for_where_the_launcher_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own package is there already: the reference may have one of that name."""
    (tmp_path / "pytest_perfbudget.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "conftest.py").write_text(
        "import os, sys, pathlib, json\n"
        f"found = [sys.path[:1], '/moved' in sys.path, os.environ['PYTHONPATH']]\n"
        f"pathlib.Path({str(tmp_path / 'found')!r}).write_text(json.dumps(found))\n"
        "os._exit(0)\n"
    )
    told = {"first": [str(tmp_path)], "moved": {str(tmp_path / "here"): "/moved"}, "variable": "/a:/b"}
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path / "here"))
        called(tmp_path, "--import-mode=importlib", str(tmp_path), told=json.dumps(told))
    assert json.loads((tmp_path / "found").read_text()) == [[str(tmp_path)], True, "/a:/b"]
