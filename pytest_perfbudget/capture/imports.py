"""Something done once the application imports a module, and never an import of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[], None]


class _Waiting:
    """The first finder on ``sys.meta_path`` while something waits: it finds nothing itself, and calls back when the
    module that another finder has found was executed."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Callback]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.callbacks:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find and finder is not self else None
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            for callback in self.callbacks.pop(spec.name, []):
                callback()
            _leave()

        loader.exec_module = exec_module


_WAITING = _Waiting()


def when_imported(name: str, callback: Callback) -> None:
    """Call ``callback`` now if the module ``name`` is there, else when it has been imported."""
    if name in sys.modules:
        callback()
        return
    _WAITING.callbacks.setdefault(name, []).append(callback)
    if _WAITING not in sys.meta_path:
        sys.meta_path.insert(0, _WAITING)


def forget(name: str, callback: Callback) -> None:
    """Nothing is to be called any more; harmless where it was called already."""
    waiting = [one for one in _WAITING.callbacks.pop(name, []) if one != callback]
    if waiting:
        _WAITING.callbacks[name] = waiting
    _leave()


def _leave() -> None:
    if not _WAITING.callbacks and _WAITING in sys.meta_path:
        sys.meta_path.remove(_WAITING)
