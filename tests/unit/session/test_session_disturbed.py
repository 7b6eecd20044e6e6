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


@pytest.mark.parametrize("number", [0, 1, 3, 5])
def test_a_tool_of_monitoring_is_named_by_itself(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = {number: "coverage.py"}
    monitoring = SimpleNamespace(get_tool=tools.get)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    assert disturbed("") == "coverage watches every line of this process"
    tools.clear()
    assert disturbed("") is None
