"""Recorded latencies of real queries as cases for a gate: an old and a new series, of one statement (null), or where
the new one has about 10 % or 20 % more rows to read.

A folder of recordings holds
``quiet.npz``      ``lat``: runs × rounds × statements in ns, and their ``names``; one backend a run
``sep_quiet.npz``  ``lat`` likewise, statements as in :data:`SEPARATE`; two databases, a backend each
``variants.npz``   replicates × rounds × statements × sides in ms: ``V3`` two schemas of one database on one backend,
                   ``V6`` two databases, a backend each, all pinned to one CPU, ``V2`` two databases over fresh pairs of
                   backends, ten rounds on each
``busy.npz``       may be missing: ``null`` and ``ten``, replicates × rounds × statements × (old, new, null old, null
                   new) in ns; two schemas on one backend of a machine that others kept busy
``.npz`` is read here: a zip of arrays with a line of Python as their header.
"""

from __future__ import annotations

import ast
import sys
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from statistics import median

from pytest_perfbudget.measure.stored import Recorded, ratio

EFFECTS = ("null", "+10 %", "+20 %")
LAYOUTS = ("two schemas", "busy machine", "one backend", "pinned", "fresh pairs", "two backends", "another run")
SEPARATE = (
    *("A.T1", "B.T1", "B.T1_10", "B.T1_20", "A.T2", "B.T2", "B.T2_10", "B.T2_20"),
    *("A.R1", "B.R1", "A.R2", "B.R2"),
)
VARIANTS = (("null", 0, 2), ("+10 %", 1, 2), ("null", 2, 0), ("+10 %", 3, 0))
"""Statements of the variants with the effect they have, and the one of no effect that runs along."""
ON_ONE_PAIR, FRESH = 10, 48
"""Rounds on a fresh pair, and pairs of a case: those of four replicates."""
HISTORY = 10
"""Recorded runs of the stored gate, spread over all recorded."""
_CODES = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f4": "f", "f8": "d"}

Null = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """Seconds by round of both sides, and of the null pair that ran along."""

    old: Sequence[float]
    new: Sequence[float]
    control: Null


@dataclass(frozen=True)
class Case:
    """What a gate is asked about; ``again`` is another connection's, ``figure`` and ``recorded`` the stored gate's."""

    layout: str
    effect: str
    first: Series
    again: Series
    figure: float | None = None
    recorded: Sequence[Recorded] = field(default_factory=list)


@dataclass(frozen=True)
class Array:
    """Numbers in C order."""

    shape: tuple[int, ...]
    numbers: array[int] | array[float]

    def column(self, first: int, *rest: int, scale: float = 1.0) -> list[float]:
        """All of the second dimension, at one place of the others; each times ``scale``."""
        _, rounds, *inner = self.shape
        stride = 1
        offset = 0
        for size, place in zip(reversed(inner), reversed(rest), strict=True):
            offset += place * stride
            stride *= size
        start = first * rounds * stride + offset
        return [number * scale for number in self.numbers[start : start + rounds * stride : stride]]


class Recording:
    """A folder of recordings; each file is read when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def quiet(self) -> tuple[Array, list[str]]:
        with zipfile.ZipFile(self._folder / "quiet.npz") as archive:
            return _array(archive, "lat"), _names(archive)

    @cached_property
    def separate(self) -> Array:
        with zipfile.ZipFile(self._folder / "sep_quiet.npz") as archive:
            return _array(archive, "lat")

    def variant(self, name: str) -> Array:
        with zipfile.ZipFile(self._folder / "variants.npz") as archive:
            return _array(archive, name)

    def cases(self, layout: str) -> Iterator[Case]:
        """All cases of a layout; what a connection measures again is the next run."""
        return {
            "one backend": self._one_backend,
            "two schemas": lambda: self._variant("V3", layout),
            "busy machine": self._busy,
            "pinned": lambda: self._variant("V6", layout),
            "fresh pairs": self._fresh_pairs,
            "two backends": self._two_backends,
            "another run": self._another_run,
        }[layout]()

    def _one_backend(self) -> Iterator[Case]:
        array, names = self.quiet

        def series(run: int, old: str, new: str, null: str) -> Series:
            taken = [array.column(run, names.index(name), scale=1e-9) for name in (old, new, f"{null}a", f"{null}b")]
            return Series(taken[0], taken[1], list(zip(taken[2], taken[3], strict=True)))

        for run in range(array.shape[0]):
            for statement, null in (("T1", "T2"), ("T2", "T1")):
                for effect, suffix in zip(EFFECTS, ("b", "_10", "_20"), strict=True):
                    sides = (f"{statement}a", statement + suffix, null)
                    following = (run + 1) % array.shape[0]
                    yield Case("one backend", effect, series(run, *sides), series(following, *sides))

    def _variant(self, name: str, layout: str) -> Iterator[Case]:
        array = self.variant(name)

        def series(run: int, statement: int, null: int) -> Series:
            old, new, *control = (array.column(run, s, side, scale=1e-3) for s in (statement, null) for side in (0, 1))
            return Series(old, new, list(zip(*control, strict=True)))

        for run in range(array.shape[0]):
            for effect, *statements in VARIANTS:
                yield Case(layout, effect, series(run, *statements), series((run + 1) % array.shape[0], *statements))

    def _busy(self) -> Iterator[Case]:
        if not (self._folder / "busy.npz").exists():
            return
        with zipfile.ZipFile(self._folder / "busy.npz") as archive:
            recorded = {"null": _array(archive, "null"), "+10 %": _array(archive, "ten")}
        for effect, taken in recorded.items():
            runs, _, statements, _ = taken.shape

            def series(run: int, statement: int, taken: Array = taken) -> Series:
                old, new, *control = (taken.column(run, statement, side, scale=1e-9) for side in range(4))
                return Series(old, new, list(zip(*control, strict=True)))

            for run, statement in product(range(runs), range(statements)):
                yield Case("busy machine", effect, series(run, statement), series((run + 1) % runs, statement))

    def _fresh_pairs(self) -> Iterator[Case]:
        """A round is the median on a pair, divided by that of the other statement; there is no third for control."""
        array = self.variant("V2")
        runs = FRESH * ON_ONE_PAIR // array.shape[1]

        def medians(first: int, statement: int, side: int) -> list[float]:
            taken = [one for run in range(first, first + runs) for one in array.column(run, statement, side)]
            return [median(taken[at : at + ON_ONE_PAIR]) for at in range(0, len(taken), ON_ONE_PAIR)]

        def series(first: int, statement: int, null: int) -> Series:
            old, new = (
                [a / b for a, b in zip(medians(first, statement, side), medians(first, null, side), strict=True)]
                for side in (0, 1)
            )
            return Series(old, new, [(1.0, 1.0)] * len(old))

        starts = range(0, array.shape[0] - runs + 1, runs)
        for first, following in zip(starts, [*starts[1:], 0], strict=True):
            for effect, *statements in VARIANTS:
                yield Case("fresh pairs", effect, series(first, *statements), series(following, *statements))

    def _two_backends(self) -> Iterator[Case]:
        array = self.separate

        def series(run: int, *names: str) -> Series:
            old, new, *control = (array.column(run, SEPARATE.index(name), scale=1e-9) for name in names)
            return Series(old, new, list(zip(*control, strict=True)))

        for run in range(array.shape[0]):
            for statement in ("T1", "T2"):
                for effect, suffix in zip(EFFECTS, ("", "_10", "_20"), strict=True):
                    names = (f"A.{statement}", f"B.{statement}{suffix}", "A.R1", "B.R1")
                    following = (run + 1) % array.shape[0]
                    yield Case("two backends", effect, series(run, *names), series(following, *names))

    def _another_run(self) -> Iterator[Case]:
        array, names = self.quiet
        runs = array.shape[0]

        def taken(run: int, name: str) -> list[float]:
            return array.column(run % runs, names.index(name), scale=1e-9)

        def figure(run: int, name: str) -> float:
            return ratio(taken(run, name), [taken(run, "R1"), taken(run, "R2")])

        figures = {name: [figure(run, name) for run in range(runs)] for name in ("T1a", "T2a")}
        for run in range(runs):
            for statement in ("T1", "T2"):
                before = figures[f"{statement}a"]
                places = [(run + back * runs // (HISTORY + 1)) % runs for back in range(1, HISTORY + 1)]
                recorded = [Recorded(before[place], "one") for place in places]
                for effect, suffix in zip(EFFECTS, ("a", "_10", "_20"), strict=True):
                    old, new = taken(run + runs // 2, f"{statement}a"), taken(run, statement + suffix)
                    series = Series(old, new, [])
                    yield Case("another run", effect, series, series, figure(run, statement + suffix), recorded)


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    header, body = _parts(archive, name)
    if header["fortran_order"] or header["descr"][0] not in "<|":
        raise ValueError(f"{name}: {header} is not little-endian in C order")
    numbers: array[int] | array[float] = array(_CODES[header["descr"][1:]])
    numbers.frombytes(body)
    if sys.byteorder == "big":
        numbers.byteswap()
    return Array(tuple(header["shape"]), numbers)


def _names(archive: zipfile.ZipFile) -> list[str]:
    """Strings of UTF-32, all equally long."""
    header, body = _parts(archive, "names")
    length = 4 * int(header["descr"][2:])
    return [body[at : at + length].decode("utf-32-le").rstrip("\0") for at in range(0, len(body), length)]


def _parts(archive: zipfile.ZipFile, name: str) -> tuple[dict[str, object], bytes]:
    """The header and the body of an array (``.npy`` format 1 or 2)."""
    content = archive.read(f"{name}.npy")
    digits = 2 if content[6] == 1 else 4
    start = 8 + digits + int.from_bytes(content[8 : 8 + digits], "little")
    return ast.literal_eval(content[8 + digits : start].decode("latin-1")), content[start:]
