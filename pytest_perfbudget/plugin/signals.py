"""SIGTERM ends a run as Ctrl-C does: pytest's own teardown runs, and with it ours."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import pytest


def exit_on_sigterm(config: pytest.Config) -> None:
    """Turn SIGTERM into pytest's exit (code 143), unless somebody else handles it already."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def leave(number: int, frame: FrameType | None) -> None:
        if not config.pluginmanager.has_plugin("session"):
            raise SystemExit(128 + number)  # before the session exists pytest does not catch its own exit
        pytest.exit("ended by SIGTERM", returncode=128 + number)

    def restore() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, leave)
    config.add_cleanup(restore)
