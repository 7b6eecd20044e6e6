"""What warming a cache from its access log gains, by replay: against an LRU that starts cold, and against the optimum.

    python tests/benchmarks/warming.py --capacities 500 2000 8000

Three days of accesses are drawn, the popularity of keys by Zipf, half of them asked for by day and half by night, with
costs that differ by key. Then the process is restarted, and the hour that follows is replayed. The optimum knows that
hour: it is filled with what comes first, and evicts what is needed last (Belady).
"""

from __future__ import annotations

import argparse
import bisect
import heapq
import itertools
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from pytest_perfbudget.cache.queries.forecast import DAY, Access, costs, ranked, within

HOUR = 3600.0
HIT = 0.0002


@dataclass(frozen=True)
class Trace:
    """``past`` ends where ``next`` begins; ``cost`` is what each key's execution takes."""

    past: list[Access[int]]
    next: list[Access[int]]
    cost: dict[int, float]
    now: float


def drawn(seed: int, keys: int = 20_000, exponent: float = 0.9, rate: float = 2.0, hour: float = 9.0) -> Trace:
    """``rate`` accesses a second, until ``hour`` o'clock of the fourth day and for an hour after."""
    random = Random(seed)
    weights = list(itertools.accumulate(rank**-exponent for rank in range(1, keys + 1)))
    order = random.sample(range(keys), keys)
    cost = {key: random.lognormvariate(math.log(0.005), 1.0) for key in order}
    now, at = 3 * DAY + hour * HOUR, 0.0
    accesses: list[Access[int]] = []
    while at < now + HOUR:
        at += random.expovariate(rate)
        key = order[min(bisect.bisect(weights, random.random() * weights[-1]), keys - 1)]
        by_day = 8 * HOUR <= at % DAY < 20 * HOUR
        if (key % 2 == 0) == by_day or random.random() < 0.1:
            accesses.append(Access(at, key, cost[key]))
    start = bisect.bisect([one.at for one in accesses], now)
    return Trace(accesses[:start], accesses[start:], cost, now)


def lru(trace: Trace, capacity: int, warm: Iterable[int] = ()) -> tuple[float, float]:
    """The share of hits, and of the time executions would take that they save; ``warm`` is the most valuable first."""
    kept: OrderedDict[int, None] = OrderedDict.fromkeys(reversed(list(itertools.islice(warm, capacity))))
    hits = saved = 0.0
    for one in trace.next:
        if one.key in kept:
            hits, saved = hits + 1, saved + trace.cost[one.key]
            kept.move_to_end(one.key)
            continue
        kept[one.key] = None
        if len(kept) > capacity:
            kept.popitem(last=False)
    return hits / len(trace.next), saved / sum(trace.cost[one.key] for one in trace.next)


def belady(trace: Trace, capacity: int, warm: Iterable[int] = ()) -> tuple[float, float]:
    """The same of a cache that knows the future: it evicts the key whose next access is the last to come."""
    uses: dict[int, list[int]] = defaultdict(list)
    for place, one in reversed(list(enumerate(trace.next))):
        uses[one.key].append(place)
    queue: list[tuple[int, int]] = []
    kept: dict[int, int] = {}
    for key in itertools.islice((key for key in warm if key in uses), capacity):
        kept[key] = uses[key][-1]
        heapq.heappush(queue, (-kept[key], key))
    hits = saved = 0.0
    for one in trace.next:
        uses[one.key].pop()
        following = uses[one.key][-1] if uses[one.key] else len(trace.next)
        if one.key in kept:
            hits, saved = hits + 1, saved + trace.cost[one.key]
        kept[one.key] = following
        heapq.heappush(queue, (-following, one.key))
        while len(kept) > capacity:
            last, key = heapq.heappop(queue)
            if kept.get(key) == -last:
                del kept[key]
    return hits / len(trace.next), saved / sum(trace.cost[one.key] for one in trace.next)


def first_to_come(trace: Trace) -> list[int]:
    """What an optimal cache is filled with beforehand."""
    return list(dict.fromkeys(one.key for one in trace.next))


def forecast(trace: Trace, budget: float) -> list[int]:
    """What ``cache.warm`` executes within ``budget`` seconds."""
    return [one.key for one in within(ranked(trace.past, trace.now, HOUR, hit=HIT), budget)]


def most_frequent(trace: Trace, budget: float) -> list[int]:
    """The naive alternative: what was asked for most often, whenever that was."""
    known, left, found = costs(trace.past), budget, []
    for key, _ in Counter(one.key for one in trace.past).most_common():
        if known[key] <= left:
            left -= known[key]
            found.append(key)
    return found


def compared(trace: Trace, capacity: int, budget: float) -> dict[str, tuple[float, float]]:
    """Each way by its name."""
    return {
        "cold LRU": lru(trace, capacity),
        "most frequent, LRU": lru(trace, capacity, most_frequent(trace, budget)),
        "forecast, LRU": lru(trace, capacity, forecast(trace, budget)),
        "cold Belady": belady(trace, capacity),
        "clairvoyant": belady(trace, capacity, first_to_come(trace)),
    }


def mean(runs: Sequence[dict[str, tuple[float, float]]], name: str) -> tuple[float, float]:
    """Of all runs: the share of hits, and of the time saved."""
    hits, saved = zip(*(run[name] for run in runs), strict=True)
    return sum(hits) / len(runs), sum(saved) / len(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capacities", type=int, nargs="+", default=[500, 2000, 8000], help="entries")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    traces = [drawn(seed) for seed in range(arguments.seeds)]
    for capacity in arguments.capacities:
        runs = [compared(trace, capacity, arguments.budget) for trace in traces]
        print(f"{capacity} entries, a budget of {arguments.budget:g} s, the hour after a restart")
        (cold, _), (best, _) = mean(runs, "cold LRU"), mean(runs, "clairvoyant")
        for name in runs[0]:
            hits, saved = mean(runs, name)
            share = (hits - cold) / (best - cold) if best > cold else 0.0
            print(f"  {name:20} {hits:6.1%} hits, {saved:6.1%} of the time, {share:6.1%} of what can be gained")


if __name__ == "__main__":
    main()
