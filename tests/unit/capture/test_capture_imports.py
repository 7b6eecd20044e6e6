from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_perfbudget.capture.imports import forget, when_imported


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a package that nobody has imported."""
    package = tmp_path / "some_driver"
    package.mkdir()
    (package / "__init__.py").write_text("from some_driver import inner\nready = True\n")
    (package / "inner.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield "some_driver"
    for name in ("some_driver", "some_driver.inner"):
        sys.modules.pop(name, None)


def test_it_is_called_behind_the_import_and_leaves_nothing(module: str) -> None:
    called: list[bool] = []
    finders = list(sys.meta_path)
    when_imported(module, lambda: called.append(sys.modules[module].ready))
    assert (called, len(sys.meta_path)) == ([], len(finders) + 1)
    found = importlib.import_module(module)
    assert called == [True]
    assert sys.meta_path == finders
    assert type(found.__loader__).__name__ == type(found.__spec__.loader).__name__ == "SourceFileLoader"
    importlib.reload(found)
    assert called == [True]


def test_it_is_called_at_once_where_the_module_is_there(module: str) -> None:
    importlib.import_module(module)
    called: list[str] = []
    when_imported(module, lambda: called.append(module))
    assert called == [module]


def test_several_wait_and_some_are_forgotten(module: str) -> None:
    called: list[int] = []
    callbacks = [lambda n=n: called.append(n) for n in range(3)]
    for callback in callbacks:
        when_imported(module, callback)
    forget(module, callbacks[1])
    forget("never_waited_for", callbacks[1])
    importlib.import_module(module)
    assert called == [0, 2]
    assert module not in str(sys.meta_path[0])


def test_a_module_that_is_not_there_is_not_found_either(module: str) -> None:
    when_imported("some_driver.nothing", lambda: None)
    try:
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("some_driver.nothing")
    finally:
        forget("some_driver.nothing", lambda: None)


def test_a_module_that_fails_to_import_is_waited_for_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken_driver.py"
    broken.write_text("raise RuntimeError('no')\n")
    monkeypatch.syspath_prepend(tmp_path)
    called: list[bool] = []
    when_imported("broken_driver", lambda: called.append(True))
    with pytest.raises(RuntimeError):
        importlib.import_module("broken_driver")
    assert called == []
    broken.write_text("mended = 'now'\n")
    importlib.invalidate_caches()
    importlib.import_module("broken_driver")
    del sys.modules["broken_driver"]
    assert called == [True]
