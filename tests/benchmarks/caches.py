"""What watching a command of redis-py costs it: GET and SET with and without, turn by turn, sync and async.

    python tests/benchmarks/caches.py [--rounds 40] [--calls 500]

Each round measures both, in an order of its own; the difference is the median of the rounds' own differences, with
the quartiles; then the same in CPU time of this process, and the difference of the two fastest rounds, which is what is
left of it on a machine that has other things to do.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from statistics import median, quantiles
from typing import Any

import redis
import redis.asyncio

from pytest_perfbudget.cache import RedisRequest
from pytest_perfbudget.cache.embedded import Embedded
from pytest_perfbudget.capture.caches.watch import watching

CASES: dict[str, Callable[[Any], Any]] = {
    "GET": lambda client: client.get("key"),
    "SET 100 bytes": lambda client: client.set("key", "x" * 100, ex=60),
    "SET 100 kB": lambda client: client.set("large", b"x" * 100_000, ex=60),
    "MGET of 20": lambda client: client.mget([f"key:{n}" for n in range(20)]),
}


def timed(body: Callable[[], Any], calls: int) -> tuple[float, float]:
    """µs of wall clock and of CPU for each call."""
    wall, cpu = time.perf_counter(), time.process_time()
    body()
    return (time.perf_counter() - wall) / calls * 1e6, (time.process_time() - cpu) / calls * 1e6


def compare(measure: Callable[[], tuple[float, float]], rounds: int) -> str:
    pairs: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for _ in range(rounds):
        for watched in random.sample([True, False], 2):
            around: AbstractContextManager[Any] = watching() if watched else nullcontext()
            with around:
                measure()
                pairs[watched].append(measure())
    plain = median(wall for wall, _ in pairs[False])
    more = [one[0] - other[0] for one, other in zip(pairs[True], pairs[False], strict=True)]
    cpu = median(one[1] - other[1] for one, other in zip(pairs[True], pairs[False], strict=True))
    low, _, high = quantiles(more, n=4)
    fastest, watched = (min(wall for wall, _ in pairs[one]) for one in (False, True))
    return (
        f"{plain:8.1f} µs   {median(more):+6.1f} µs ({low:+.1f} to {high:+.1f})   CPU {cpu:+5.1f} µs   "
        f"fastest {fastest:.1f} µs {watched - fastest:+.1f} µs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=500)
    options = parser.parse_args()
    server = Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    url = server.fresh().url
    print(f"{'':24}{'plain':>11}   watched")
    try:
        with redis.Redis.from_url(url) as client:
            for name, call in CASES.items():

                def body(call: Callable[[Any], Any] = call) -> None:
                    for _ in range(options.calls):
                        call(client)

                print(f"{name:24}{compare(lambda body=body: timed(body, options.calls), options.rounds)}")
            piped(client, options)
        asynchronous(url, options)
    finally:
        server.close()


def piped(client: redis.Redis, options: argparse.Namespace) -> None:
    """A pipeline of 100, each of its commands."""

    def body() -> None:
        for _ in range(options.calls // 50):
            with client.pipeline() as pipe:
                for n in range(100):
                    pipe.get(f"key:{n}")
                pipe.execute()

    print(f"{'GET in pipelines of 100':24}{compare(lambda: timed(body, options.calls * 2), options.rounds)}")


def asynchronous(url: str, options: argparse.Namespace) -> None:
    loop = asyncio.new_event_loop()
    client = redis.asyncio.Redis.from_url(url)

    async def gets() -> None:
        for _ in range(options.calls):
            await client.get("key")

    measured = compare(lambda: timed(lambda: loop.run_until_complete(gets()), options.calls), options.rounds)
    print(f"{'GET, asyncio':24}{measured}")
    loop.run_until_complete(client.aclose())
    loop.close()


if __name__ == "__main__":
    main()
