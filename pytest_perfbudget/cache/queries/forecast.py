"""Which keys the next period will ask for, from the accesses of those before; pure.

Two forecasts are averaged. The recent one counts accesses by their age at the last one, halved each ``half_life``. The
one by the time of day counts those of the same time on each day the log covers whole, a day being worth half the day
after it; where no such time is covered, the recent one stands alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

DAY = 86_400.0
HALF_LIFE = 3_600.0
_DAYS = 28  # those before weigh nothing

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Access(Generic[K]):
    """At ``at`` seconds, of a clock that goes on between runs. ``seconds`` is what the execution took, None of a
    hit."""

    at: float
    key: K
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Worth(Generic[K]):
    """A key, how often it will be asked for, and what one execution takes in seconds."""

    key: K
    hits: float
    seconds: float

    def value(self, hit: float) -> float:
        """Seconds saved for each second spent on it, where a hit takes ``hit`` seconds."""
        return self.hits * max(self.seconds - hit, 0.0) / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Rate:
    """How often each second a group of keys is asked for, how often executed, and what one execution takes in
    seconds."""

    asked: float
    executed: float
    seconds: float

    def plus(self, executed: float, seconds: float) -> Rate:
        """With further executions, each of which somebody has asked for."""
        both = self.executed + executed
        mean = (self.executed * self.seconds + executed * seconds) / both if both else 0.0
        return Rate(self.asked + executed, both, mean)


def expected(
    accesses: Iterable[Access[K]], now: float, horizon: float, half_life: float = HALF_LIFE
) -> Mapping[K, float]:
    """How often each key will be asked for from ``now`` on, for ``horizon`` seconds; keys not expected are left out."""
    past = [one for one in accesses if one.at <= now]
    if not past:
        return {}
    recent = _recent(past, horizon, half_life)
    daily = _daily(past, now, horizon)
    if daily is None:
        return recent
    return {key: (recent.get(key, 0.0) + daily.get(key, 0.0)) / 2 for key in recent.keys() | daily.keys()}


def costs(accesses: Iterable[Access[K]]) -> Mapping[K, float]:
    """The mean seconds of the executions of each key that was executed."""
    taken: dict[K, list[float]] = defaultdict(list)
    for one in accesses:
        if one.seconds is not None:
            taken[one.key].append(one.seconds)
    return {key: math.fsum(each) / len(each) for key, each in taken.items()}


def ranked(
    accesses: Sequence[Access[K]], now: float, horizon: float, *, hit: float = 0.0, half_life: float = HALF_LIFE
) -> list[Worth[K]]:
    """The keys worth executing beforehand, the most valuable first; of keys seen as hits only, the mean of all costs
    is taken."""
    known = costs(accesses)
    usual = math.fsum(known.values()) / len(known) if known else 1.0
    found = (
        Worth(key, hits, known.get(key, usual)) for key, hits in expected(accesses, now, horizon, half_life).items()
    )
    return valuable(found, hit)


def valuable(worths: Iterable[Worth[K]], hit: float) -> list[Worth[K]]:
    """Those of any value, the most valuable first."""
    return sorted((one for one in worths if one.value(hit) > 0), key=lambda one: -one.value(hit))


def weighed(
    worths: Sequence[Worth[K]], group: Callable[[K], str], rates: Mapping[str, Rate], horizon: float
) -> list[Worth[K]]:
    """The keys, as often as their shares of their groups say, and the rates of these; a group without a rate as much
    more often as the others together. Keys of 0 seconds take as long as their group, or the mean of all."""
    of_group: dict[str, float] = defaultdict(float)
    for one in worths:
        of_group[group(one.key)] += one.hits
    told = {name for name, hits in of_group.items() if hits and name in rates}
    scale = 1.0
    if told:
        scale = math.fsum(rates[name].asked for name in told) * horizon / math.fsum(of_group[name] for name in told)
    taken = [one.seconds for one in worths if one.seconds]
    usual = math.fsum(taken) / len(taken) if taken else 1.0
    found = []
    for one in worths:
        name = group(one.key)
        hits = one.hits / of_group[name] * rates[name].asked * horizon if name in told else one.hits * scale
        found.append(Worth(one.key, hits, one.seconds or (rates[name].seconds if name in rates else usual)))
    return found


def within(worths: Iterable[Worth[K]], budget: float) -> list[Worth[K]]:
    """The first of them that take ``budget`` seconds together at most; one that does not fit is passed over."""
    chosen, left = [], budget
    for one in worths:
        if one.seconds <= left:
            chosen.append(one)
            left -= one.seconds
    return chosen


def _recent(past: Sequence[Access[K]], horizon: float, half_life: float) -> dict[K, float]:
    """The decayed rate of each key, over what the log covers of the decay, for ``horizon`` seconds."""
    decay, last = math.log(2) / half_life, max(one.at for one in past)
    span = -math.expm1(-decay * (last - min(one.at for one in past))) / decay
    weights: dict[K, float] = defaultdict(float)
    for one in past:
        weights[one.key] += math.exp(-decay * (last - one.at))
    if span <= 0:  # all of one moment: no rate is known, only an order
        return dict(weights)
    return {key: weight / span * horizon for key, weight in weights.items() if weight > 0}


def _daily(past: Sequence[Access[K]], now: float, horizon: float) -> dict[K, float] | None:
    """The weighted mean over the days of what was asked for at that time; None where no such time is covered whole."""
    first, last = min(one.at for one in past), max(one.at for one in past)
    whole = [day for day in range(1, _DAYS + 1) if first <= now - day * DAY and now - day * DAY + horizon <= last]
    if not whole or horizon > DAY:
        return None
    share = {day: 2.0**-day for day in whole}
    total = math.fsum(share.values())
    found: dict[K, float] = defaultdict(float)
    for one in past:
        day = math.ceil((now - one.at) / DAY)
        if day in share and one.at < now - day * DAY + horizon:
            found[one.key] += share[day] / total
    return dict(found)
