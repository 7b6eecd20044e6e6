"""A pool under a load, as a fluid: what its account would say. And what a steady load must do to its size.

    python tests/campaigns/pool_loads.py --traces 10000

draws that many random traces of loads and holds the controller to its laws; the tests do so briefly.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from dataclasses import dataclass
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_perfbudget.pool.controller import Controller, Policy
from pytest_perfbudget.pool.ledger import Account

POLICY = Policy(interval=0.1, cool_down=3.0)
COOL_DOWN = round(POLICY.cool_down / POLICY.interval)
STEADY = 12 * COOL_DOWN
"""Windows each load of a trace lasts."""


BURSTS = (0.0, 1.0, 2.0)
"""Connections wanted at the busiest moment of a window, in square roots of the mean above it. Each recurs within a
cool-down; a load whose bursts are rarer is not steady."""


@dataclass(frozen=True)
class Load:
    """``clients`` that hold a connection for ``held`` seconds, then think; ``cores`` are served at full speed.

    Each connection beyond them makes all of them slower by the share ``rivalry`` of a core's, and a request that had to
    queue costs the share ``handing`` of the time held more: a thread slept and was woken.
    """

    clients: int
    held: float
    thinking: float
    cores: int
    handing: float = 0.0
    rivalry: float = 0.0

    @property
    def wanted(self) -> float:
        """Connections in use on average where there are enough."""
        return self.clients * self.held / (self.held + self.thinking) if self.clients else 0.0

    def account(self, size: int, noise: Random, spread: float) -> Account:
        """One window with ``size`` connections; measured values are off by up to ``spread``."""

        def about(value: float) -> float:
            return value * noise.uniform(1 - spread, 1 + spread)

        wanted = self.wanted
        peak = min(self.clients, math.ceil(wanted + noise.choice(BURSTS) * math.sqrt(wanted)))
        busy = min(float(size), wanted)
        share = 1.0 if wanted > size else max(peak - size, 0) / max(peak, 1)
        beyond = max(0.0, busy / self.cores - 1)
        held = self.held * (1 + self.handing * share) * (1 + beyond) * (1 + self.rivalry * beyond)
        rate = busy / held
        full = max(self.clients / rate - held - self.thinking, 0.0) if rate else 0.0
        burst = held * max(peak - size, 0) / size
        requests = math.floor(about(rate * POLICY.interval) + noise.random())
        return Account(
            seconds=about(POLICY.interval),
            requests=requests,
            queued=round(requests * share),
            failed=0,
            returned=requests,
            busy=about(busy),
            max_busy=min(size, peak),
            waits=(about(max(full, burst)),) if requests else (),
        )


loads = st.builds(
    Load,
    clients=st.integers(0, 80),
    held=st.sampled_from([0.0002, 0.001, 0.005, 0.02, 0.1]),
    thinking=st.sampled_from([0.0, 0.001, 0.01, 0.1]),
    cores=st.sampled_from([1, 2, 8, 64]),
    handing=st.sampled_from([0.0, 0.02, 0.1, 0.5]),
    rivalry=st.sampled_from([0.0, 0.01, 0.03]),
)
bounds = st.tuples(st.integers(0, 8), st.integers(1, 64)).map(lambda pair: (pair[0], max(pair)))
traces = st.lists(loads, min_size=1, max_size=5)


def play(trace: list[Load], low: int, high: int, *, seed: int, spread: float) -> list[list[int]]:
    """The targets of every window, load by load. A pool makes connections within a window, and closes idle ones."""
    clock = [0.0]
    controller = Controller(low, high, POLICY, lambda: clock[0])
    noise, size, played = Random(seed), controller.target, []
    for load in trace:
        targets = []
        for _ in range(STEADY):
            clock[0] += POLICY.interval
            account = load.account(size, noise, spread)
            waiting = math.ceil(max(load.wanted - size, 0))
            target = controller.step(account, size=size, waiting=waiting)
            size = max(min(size, target), min(target, max(load.clients, low, 1)))
            targets.append(target)
        played.append(targets)
    return played


def reversals(targets: list[int]) -> int:
    """How often the size turned: up after down, or down after up."""
    steps = [b - a for a, b in itertools.pairwise(targets) if a != b]
    return sum((a > 0) != (b > 0) for a, b in itertools.pairwise(steps))


def hold(trace: list[Load], limits: tuple[int, int], seed: int, spread: float) -> None:
    """The laws: within bounds; a steady load turns the size at most once, however long it lasts; no load, the minimum
    within the cool-down."""
    low, high = limits
    played = play(trace, low, high, seed=seed, spread=spread)
    for load, targets in zip(trace, played, strict=True):
        assert all(max(low, 1) <= target <= high for target in targets)
        assert reversals(targets) <= 1, (load, targets)
        if not load.clients:
            assert set(targets[COOL_DOWN - 1 :]) == {max(low, 1)}, targets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=10_000)
    wanted = parser.parse_args().traces
    started, tried = time.perf_counter(), [0]

    @settings(max_examples=wanted, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(traces, bounds, st.integers(0, 2**32), st.sampled_from([0.0, 0.05, 0.1]))
    def every(trace: list[Load], limits: tuple[int, int], seed: int, spread: float) -> None:
        tried[0] += 1
        hold(trace, limits, seed, spread)

    every()
    print(f"{tried[0]:,} traces of loads held in {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
