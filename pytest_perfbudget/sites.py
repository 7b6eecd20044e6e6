"""The line of the user's code that sent a statement: the first frame outside libraries."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_PACKAGE = str(Path(__file__).parent) + "/"
_INSTALLED = ("/site-packages/", "/dist-packages/")
_SPAWN = "greenlet_spawn"
_DRIVERS = ("psycopg", "psycopg_pool", "asyncpg", "psycopg2", "redis", "valkey")


@dataclass(frozen=True, slots=True)
class Site:
    """Where the user's code sent a statement: the first frame outside libraries.

    ``line`` 0 has no line: ``file`` then says in words which application it was.
    """

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


_SITES: dict[tuple[str, int, str], Site] = {}


def call_site(skip: int = 0, root: str = "") -> Site | None:
    """The first frame outside libraries, ``skip`` frames above the caller.

    ``file`` is relative to ``root`` (the working folder if empty) when below it. Where every frame is a library's, the
    frame that called the driver. None where there is neither.
    """
    frame: FrameType | None = sys._getframe(skip + 1)
    outer: FrameType | None = None
    files = _FILES.get(root) or _FILES.setdefault(root, {})
    began = frame
    while frame is not None:
        filename = frame.f_code.co_filename
        file = files.get(filename, _UNSEEN)
        if file is None:
            if frame.f_code.co_name == _SPAWN and (inner := _suspended(frame)) is not None:
                outer, frame = frame.f_back, inner
            elif (following := frame.f_back) is not None:
                frame = following
            else:
                frame, outer = outer or _beyond(frame), None
        elif file is _UNSEEN:
            place = _place(filename, root)
            files[filename] = _File(place) if place else None
        else:
            return file.sites.get((id(frame.f_code), frame.f_lasti)) or _noted(file, frame)
    return _caller(began)


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """A file of the user, as it is shown, and the calls made in it: by their code's identity (its hash is that of
    everything in it) and offset in it, as telling the line takes longer. The code is kept, so that its identity is not
    given to another."""

    place: str
    sites: dict[tuple[int, ...], Site] = field(default_factory=dict)
    codes: dict[int, CodeType] = field(default_factory=dict)


_UNSEEN = _File("")
_FILES: dict[str, dict[str, _File | None]] = {}
"""By the root they are shown relative to, and their names; None for a library's. This loop runs for every frame between
a driver and the user, with the processor's caches full of something else."""


def _noted(file: _File, frame: FrameType) -> Site:
    code = frame.f_code
    if code.co_name.startswith("<"):
        return _noted_within(file, frame)
    file.codes[id(code)] = code
    site = file.sites[id(code), frame.f_lasti] = _site(file.place, frame)
    return site


def _noted_within(file: _File, frame: FrameType) -> Site:
    """A comprehension's or lambda's function is told by the frame around it, which may be another the next time."""
    code, around = frame.f_code, frame.f_back
    if around is None or around.f_code.co_name.startswith("<"):
        return _site(file.place, frame)  # a frame further out tells it
    key = (id(code), frame.f_lasti, id(around.f_code))
    if (site := file.sites.get(key)) is None:
        file.codes[id(code)], file.codes[id(around.f_code)] = code, around.f_code
        site = file.sites[key] = _site(file.place, frame)
    return site


def _caller(frame: FrameType | None) -> Site | None:
    """Where every frame is a library's: the one that called the driver."""
    while frame is not None:
        if not _is_driver(frame.f_code.co_filename.replace("\\", "/")):
            return _site(frame.f_code.co_filename, frame)
        frame = frame.f_back or _beyond(frame)
    return None


def _site(place: str, frame: FrameType) -> Site:
    """One object for each line, however many statements it sends."""
    key = (place, frame.f_lineno, _function(frame))
    return _SITES.get(key) or _SITES.setdefault(key, Site(*key))


def shown(filename: str, root: str = "") -> str | None:
    """How a file of the user is shown, relative to ``root`` where it is below it; None for a library's."""
    return _place(filename, root) or None


def calling_line(root: str = "") -> Site | None:
    """The line that called the driver's method from whose wrapper this is called; None where a library did."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _beneath(frame.f_code.co_filename):
        frame = frame.f_back
    place = _place(frame.f_code.co_filename, root) if frame is not None else None
    return _site(place, frame) if place and frame is not None else None


@cache
def _beneath(filename: str) -> bool:
    return _is_driver(filename.replace("\\", "/"))


def _suspended(spawn: FrameType) -> FrameType | None:
    """Where the code in a greenlet waits for what the frame ``spawn`` of SQLAlchemy's awaits for it: under ``run_sync``
    that is the user's, who touched an attribute."""
    greenlet = spawn.f_locals.get("context")
    frame: FrameType | None = getattr(greenlet, "gr_frame", None)
    return frame


def _beyond(frame: FrameType) -> FrameType | None:
    """The frame that waits for a greenlet at its end: SQLAlchemy's async engines run their drivers in one."""
    greenlet = sys.modules.get("greenlet")
    current: Any = greenlet.getcurrent() if greenlet else None
    while current is not None and current.gr_frame is not None:
        current = current.parent  # gr_frame is None for the one that runs: its parents are those that wait
    parent = current.parent if current is not None else None
    waiting: FrameType | None = parent.gr_frame if parent is not None else None
    return None if waiting is None or _within(frame, waiting) else waiting


def _within(frame: FrameType, waiting: FrameType) -> bool:
    """Whether ``frame`` is below ``waiting``, so that it has been walked."""
    current: FrameType | None = waiting
    while current is not None:
        if current is frame:
            return True
        current = current.f_back
    return False


@cache
def _place(filename: str, root: str) -> str | None:
    """How a file of the user is shown; None for a library's, a driver's or ours."""
    name = filename.replace("\\", "/")
    if _is_driver(name) or any(part in name for part in _INSTALLED) or name.startswith(_standard()):
        return None
    base = Path(root) if root else Path.cwd()
    path = Path(filename)
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else filename


@cache
def _standard() -> tuple[str, ...]:
    """The folders of the standard library. ``sysconfig`` takes milliseconds to import: not before it is needed."""
    import sysconfig

    return tuple(sysconfig.get_path(name).replace("\\", "/") + "/" for name in ("stdlib", "platstdlib"))


def _is_driver(name: str) -> bool:
    loaded = (sys.modules.get(driver) for driver in _DRIVERS)
    folders = tuple(
        str(Path(module.__file__).parent.as_posix()) + "/" for module in loaded if module and module.__file__
    )
    return name.startswith(("<", _PACKAGE, *folders))


def _function(frame: FrameType) -> str:
    """The function a reader would name: a comprehension's (a frame of its own before 3.12) is the one around it."""
    within = frame.f_code.co_filename
    current: FrameType | None = frame
    while current is not None and current.f_code.co_filename == within:
        if not current.f_code.co_name.startswith("<"):
            return current.f_code.co_name
        current = current.f_back
    return frame.f_code.co_name
