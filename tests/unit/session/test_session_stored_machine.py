"""The class of CPU, as systems say it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_perfbudget.session.stored import machine as module
from pytest_perfbudget.session.stored.machine import machine

X86 = "processor\t: 0\nmodel name\t: AMD EPYC  7763 64-Core Processor\nflags\t\t: fpu vme\n\n"
ARM = "processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n\n"
OURS: Any = SimpleNamespace(kind="embedded")


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (X86 * 2, "AMD EPYC 7763 64-Core Processor, 4 cores"),
        (ARM * 2, "CPU implementer 0x41 CPU part 0xd0c, 4 cores"),
        ("", "what platform says, 4 cores"),
    ],
)
def test_the_model_and_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, expected: str) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(module, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(module, "_SOURCES", (module._linux, lambda: "what platform says"))
    monkeypatch.setattr(module.os, "cpu_count", lambda: 4)
    assert machine(OURS) == expected


def test_this_machine_has_one() -> None:
    assert machine(OURS)


@pytest.mark.parametrize(("here", "known"), [(True, True), (False, False)])
def test_a_server_on_another_machine_is_of_no_class(here: bool, known: bool) -> None:
    row = SimpleNamespace(fetchone=lambda: (here,))
    server: Any = SimpleNamespace(kind="dsn", admin=SimpleNamespace(execute=lambda sql: row))
    assert bool(machine(server)) is known
