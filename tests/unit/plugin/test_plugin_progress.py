"""What is said of things that take long: nothing for two seconds, then a line, or a bar that is drawn over."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_perfbudget.plugin.progress import Progress, bar


class Terminal:
    """Notes what is written, and how."""

    def __init__(self, *, isatty: bool) -> None:
        self.isatty, self.written = isatty, list[str]()

    def ensure_newline(self) -> None:
        pass

    def write_line(self, line: str) -> None:
        self.written.append(line)

    def rewrite(self, line: str, *, erase: bool) -> None:
        assert erase
        self.written.append(f"over {line}")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def progress(terminal: Terminal, clock: Clock) -> Progress:
    capture = SimpleNamespace(global_and_fixture_disabled=contextlib.nullcontext)
    plugins = {"terminalreporter": terminal, "capturemanager": capture}
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin=plugins.get))
    return Progress(config, clock)


@pytest.mark.parametrize(
    ("isatty", "expected"),
    [
        (
            True,
            [
                "over perfbudget: seeding [####----------------]  20%",
                "over perfbudget: seeding [########------------]  40%",
                "perfbudget: seeding: 15.0 s",
            ],
        ),
        (
            False,
            ["perfbudget: seeding: 20%", "perfbudget: seeding: 90%", "perfbudget: seeding: 15.0 s"],
        ),
    ],
)
def test_a_bar_after_two_seconds_and_a_line_each_ten_where_nothing_can_be_drawn_over(
    isatty: bool, expected: list[str]
) -> None:
    terminal, clock = Terminal(isatty=isatty), Clock()
    with progress(terminal, clock)("seeding") as advance:
        for now, share in ((0.1, 0.0), (1.9, 0.1), (2.1, 0.2), (2.2, 0.3), (2.4, 0.4), (12.2, 0.9)):
            clock.now = now
            if not isatty or now < 3:
                advance(share)
        clock.now = 15.0
    assert terminal.written == expected


def test_what_is_quick_is_silent() -> None:
    terminal, clock = Terminal(isatty=True), Clock()
    with progress(terminal, clock)("seeding") as advance:
        clock.now = 1.9
        advance(0.9)
    assert terminal.written == []


@pytest.mark.parametrize("share", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_a_bar_is_always_as_wide(share: float) -> None:
    assert len(bar(share)) == len(bar(0.0))
