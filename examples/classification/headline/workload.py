"""What is asked of the service: which requests, how often, for what; the same draws from the same seed."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

BUSINESSES = 200_000
SECTORS = 20
_SCATTER = 7_919
"""A prime. How often a business or keyword is asked for has nothing to do with its place: popular businesses lie on
many blocks, and popular keywords are not those that most businesses have."""


class Kind(StrEnum):
    """A request by the function of the service that answers it."""

    LATEST = "latest classification of a business"
    REGISTRATION = "search by registration number"
    WORDS = "search by words"
    CLASSIFY = "classify by keywords"
    REVIEW = "first page of the review queue"
    DASHBOARD = "dashboard of a sector"
    RECLASSIFY = "re-classification of a business"


SHARES = {
    Kind.LATEST: 93.5,
    Kind.REGISTRATION: 3.0,
    Kind.WORDS: 0.5,
    Kind.CLASSIFY: 1.6,
    Kind.REVIEW: 0.2,
    Kind.DASHBOARD: 0.1,
    Kind.RECLASSIFY: 1.1,
}
"""Of a hundred requests. Other services ask what a business is classified as; people search, classify and review."""


@dataclass(frozen=True, slots=True)
class Request:
    """``what`` is a business's id, or the place of a keyword or sector from 0. ``moves`` says that a re-classification
    finds another class."""

    kind: Kind
    what: int = 0
    moves: bool = False


@dataclass(frozen=True)
class Workload:
    """``zipf`` is the exponent of the popularity of businesses, keywords and sectors: the n-th is asked for n^-zipf as
    often as the first. ``moves`` is the share of re-classifications that find another class, ``anyone`` that of
    re-classifications of any business, popular or not."""

    zipf: float = 1.5
    shares: dict[Kind, float] = field(default_factory=lambda: dict(SHARES))
    moves: float = 0.1
    anyone: float = 0.9
    businesses: int = BUSINESSES
    keywords: int = 2_001
    yesterday: int = 400_000
    """Requests of another day: the access log that the cache is warmed by."""

    @property
    def writes(self) -> float:
        """The share of requests that write."""
        return self.shares[Kind.RECLASSIFY] / sum(self.shares.values())

    def requests(self, seed: str) -> Iterator[Request]:
        """Without end."""
        random = Random(seed)
        kinds, weights = list(self.shares), list(itertools.accumulate(self.shares.values()))
        businesses, keywords, sectors = (_ranks(n, self.zipf) for n in (self.businesses, self.keywords, SECTORS))
        ranks = {Kind.WORDS: keywords, Kind.CLASSIFY: keywords, Kind.DASHBOARD: sectors}
        while True:
            kind = kinds[bisect.bisect(weights, random.random() * weights[-1])]
            of = ranks.get(kind, businesses)
            rank = min(bisect.bisect(of, random.random() * of[-1]), len(of) - 1)
            if kind is Kind.RECLASSIFY and random.random() < self.anyone:
                rank = random.randrange(self.businesses)
            yield Request(kind, self._place(kind, rank), random.random() < self.moves)

    def _place(self, kind: Kind, rank: int) -> int:
        if kind in (Kind.WORDS, Kind.CLASSIFY):
            return (rank + 1) * _SCATTER % self.keywords
        return rank if kind is Kind.DASHBOARD else rank * _SCATTER % self.businesses + 1


def _ranks(n: int, exponent: float) -> Sequence[float]:
    return list(itertools.accumulate(rank**-exponent for rank in range(1, n + 1)))


def registration(business_id: int) -> str:
    """Its number, as the seed makes it."""
    first, second = (chr(65 + n % 26) for n in (business_id, business_id // 26))
    return f"{first}{second}{business_id * 7919 % 9_999_991:07d}"


def keywords(place: int, words: Sequence[str]) -> list[str]:
    """What somebody classifies by: a keyword and one that goes with it."""
    return [words[place], words[(place * 17 + 5) % len(words)]]


def sector(place: int) -> str:
    """The code of a sector."""
    return chr(65 + place)
