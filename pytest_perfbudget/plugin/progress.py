"""A line for whatever takes longer than two seconds, with a bar where its size is known, and silence for the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pytest_perfbudget.postgres.server import Advance

PATIENCE = 2.0
"""Seconds of silence before a line says what is going on."""

_REDRAW = 0.2  # seconds between two drawings of a bar
_REPEAT = 10.0  # seconds between two lines where nothing can be drawn over
_WIDTH = 20


class Progress:
    """Calls are context managers: ``with progress("seeding the template database") as advance: …``; ``advance`` takes
    the share that is done."""

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._clock = config, clock

    @contextmanager
    def __call__(self, what: str) -> Iterator[Advance]:
        started = self._clock()
        timer = threading.Timer(PATIENCE, self._say, [f"{what} …"])
        timer.daemon = True
        timer.start()
        try:
            yield self._bar(what, timer, started)
        finally:
            timer.cancel()
        if (spent := self._clock() - started) > PATIENCE:
            self._say(f"{what}: {spent:.1f} s")

    def _bar(self, what: str, timer: threading.Timer, started: float) -> Advance:
        shown = started + PATIENCE - (_REDRAW if self._draws else _REPEAT)

        def advance(share: float) -> None:
            nonlocal shown
            if self._clock() < shown + (_REDRAW if self._draws else _REPEAT):
                return
            timer.cancel()
            shown = self._clock()
            if self._draws:
                self._say(f"{what} {bar(share)}", over=True)
            else:
                self._say(f"{what}: {share:.0%}")

        return advance

    @property
    def _draws(self) -> bool:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        return bool(terminal and terminal.isatty)

    def _say(self, line: str, *, over: bool = False) -> None:
        """``over`` draws in place of the bar before, and whatever is written next takes its place."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        if terminal is None:
            return
        if capture is None:
            self._write(terminal, line, over)
            return
        with capture.global_and_fixture_disabled():
            self._write(terminal, line, over)

    @staticmethod
    def _write(terminal: pytest.TerminalReporter, line: str, over: bool) -> None:
        if over:
            terminal.rewrite(f"perfbudget: {line}", erase=True)
        else:
            terminal.ensure_newline()
            terminal.write_line(f"perfbudget: {line}")


def bar(share: float) -> str:
    """0.45 → ``[#########-----------]  45%``."""
    full = min(_WIDTH, max(0, int(share * _WIDTH)))
    return f"[{'#' * full}{'-' * (_WIDTH - full)}] {min(1.0, max(0.0, share)):4.0%}"
