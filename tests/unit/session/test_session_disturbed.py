from __future__ import annotations

import sys
import threading
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_perfbudget.session.disturbed import disturbed


def watch(frame: FrameType, event: str, argument: Any) -> None:
    return None


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever watches this run itself."""
    for name in ("gettrace", "getprofile"):
        monkeypatch.setattr(sys, name, lambda: None)
    monkeypatch.setattr(threading, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "monitoring", None, raising=False)


def test_nothing() -> None:
    assert disturbed("") is None


def test_an_option_of_pytest() -> None:
    assert disturbed("--pdb") == "the run is under --pdb"


@pytest.mark.parametrize(("module", "name"), [(sys, "gettrace"), (threading, "gettrace"), (sys, "getprofile")])
def test_a_tool_is_named_by_its_module(module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, name, lambda: watch)
    assert disturbed("") == f"{__name__} watches every line of this process"


def test_a_tool_of_monitoring_is_named_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = {1: "coverage"}
    monitoring = SimpleNamespace(DEBUGGER_ID=0, COVERAGE_ID=1, PROFILER_ID=2, get_tool=tools.get)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    assert disturbed("") == "coverage watches every line of this process"
    tools.clear()
    assert disturbed("") is None
