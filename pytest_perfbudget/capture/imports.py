"""Something done once the application imports a module, and never an import of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import cast

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
                if spec.loader is not None:
                    spec.loader = cast(Loader, _Then(spec.loader, lambda: self._imported(name)))
                return spec
        return None

    def _imported(self, name: str) -> None:
        for callback in self.callbacks.pop(name, []):
            callback()
        _leave()


class _Then:
    """A module's loader, which calls back behind the module's execution and is gone then."""

    def __init__(self, loader: Loader, callback: Callback) -> None:
        self._loader, self._callback = loader, callback

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._callback()


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
