"""A line for whatever takes longer than two seconds, and silence for the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PATIENCE = 2.0
"""Seconds of silence before a line says what is going on."""


class Progress:
    """Calls are context managers: ``with progress("seeding the template database"): …``."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        timer = threading.Timer(PATIENCE, self._say, [f"{what} …"])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if (spent := time.monotonic() - started) > PATIENCE:
            self._say(f"{what}: {spent:.1f} s")

    def _say(self, line: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        if terminal is None:
            return
        if capture is None:
            terminal.ensure_newline()
            terminal.write_line(f"perfbudget: {line}")
            return
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(f"perfbudget: {line}")
