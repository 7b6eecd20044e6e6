"""How many recomputations of one entry ran at once."""

from __future__ import annotations

from pytest_perfbudget.model.cache import Crowd
from pytest_perfbudget.sites import Site


class Recomputations:
    """Intervals between two moments of one counter, by entry: from the miss to the end of the write that followed it,
    of one thread or task. Who misses and does not write (it waits for another's) recomputes nothing."""

    def __init__(self) -> None:
        self._missed: dict[tuple[bytes, int], tuple[int, Site | None]] = {}
        self._of: dict[bytes, list[tuple[int, int, Site | None]]] = {}

    def read(self, entry: bytes, hit: bool, context: int, began: int, site: Site | None) -> None:
        """Somebody asked; of several misses in a row the last is the one that is mended."""
        if hit:
            self._missed.pop((entry, context), None)
        else:
            self._missed[entry, context] = (began, site)

    def wrote(self, entry: bytes, context: int, ended: int) -> None:
        """Somebody wrote."""
        if missed := self._missed.pop((entry, context), None):
            self.ran(entry, missed[0], ended, missed[1])

    def ran(self, entry: bytes, began: int, ended: int, site: Site | None) -> None:
        """A whole recomputation."""
        self._of.setdefault(entry, []).append((began, ended, site))

    def crowd(self) -> Crowd:
        """The entry with the most at once."""
        crowds = (_crowd(entry, intervals) for entry, intervals in self._of.items())
        return max(crowds, key=lambda crowd: crowd.n, default=Crowd())


def _crowd(entry: bytes, intervals: list[tuple[int, int, Site | None]]) -> Crowd:
    events = sorted([(began, 1) for began, _, _ in intervals] + [(ended, -1) for _, ended, _ in intervals])
    running = most = 0
    for _, change in events:
        running += change
        most = max(most, running)
    first = min(intervals, key=lambda interval: interval[0])
    return Crowd(entry.decode(errors="replace"), most, first[2])
