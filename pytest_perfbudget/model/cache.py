"""What a test did with its caches: the query cache and the application's own client of Redis, each by itself."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_perfbudget.sites import Site

Lines = tuple[tuple[Site | None, int], ...]
"""Lines and how much of a figure is theirs, the most first; None where no line is the user's."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A hit that was not what its statement gave in the same snapshot. Everything is shown as Python writes it."""

    statement: str
    parameters: str
    site: Site | None
    cached: str
    current: str

    def lines(self) -> tuple[str, ...]:
        """Statement, parameters, call site and both results."""
        where = f"{self.site} ({self.site.function})" if self.site else "a line of no file of yours"
        asked = [f"statement  {self.statement}", f"parameters {self.parameters}", f"asked at   {where}"]
        return (*asked, f"cached     {self.cached}", f"current    {self.current}")


@dataclass(frozen=True, slots=True)
class Crowd:
    """The most recomputations of one entry that ran at once; ``site`` is the line that missed it first."""

    entry: str = ""
    n: int = 0
    site: Site | None = None


@dataclass(frozen=True, slots=True)
class CacheUse:
    """One cache of a test. ``name`` is the client's, as its users call it.

    ``reads`` asked for an entry, ``hits`` of them got one. ``turns`` are round trips, ``size`` the bytes that were
    written. ``lasting`` are the entries without an expiry and the lines that wrote them; ``why_lasting`` says what
    could not be known of others. ``checked`` hits were compared with the database, ``stale`` of them differ;
    ``why_stale`` says what could not be.
    """

    name: str
    reads: int = 0
    hits: int = 0
    turns: int = 0
    size: int = 0
    missed: Lines = ()
    turned: Lines = ()
    wrote: Lines = ()
    crowd: Crowd = Crowd()
    lasting: tuple[tuple[str, Site | None], ...] = ()
    why_lasting: str = ""
    checked: int = 0
    stale: tuple[Stale, ...] = ()
    why_stale: str = ""

    @property
    def hit_rate(self) -> float:
        """0 where nothing was read."""
        return self.hits / self.reads if self.reads else 0.0

    @property
    def used(self) -> bool:
        """Whether the test asked it for anything."""
        return bool(self.turns or self.reads)


@dataclass(frozen=True, slots=True)
class CachesUse:
    """All caches of a test; ``kinds`` are those that were watched."""

    kinds: tuple[str, ...]
    caches: tuple[CacheUse, ...] = ()
