"""How long plans take: ``pytest tests/benchmarks/plans.py``; prints each figure beside its limit, and exponents.

Documents are text, as they come from a server. Their literals differ from round to round, so that no cache of
conditions knows them; ``warm`` repeats one document, as a suite that executes one statement often does. All times are
CPU time of this process, so that a busy machine tells the same.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from pytest_perfbudget.cli.comparison import as_text
from pytest_perfbudget.model import Catalogue, Index, IndexKey, Table
from pytest_perfbudget.plans.diff import edits
from pytest_perfbudget.plans.expression import normalise
from pytest_perfbudget.plans.fingerprint import marked
from pytest_perfbudget.plans.identifiers import identifiers
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.rules import BUILTIN
from pytest_perfbudget.rules.base import check
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.verdict.plans import compare_plans

PLANS = Path(__file__).parent.parent / "unit" / "plans"
sys.path.insert(0, str(PLANS))

from plan_trees import grown, lines  # noqa: E402
from shape_plans import documents  # noqa: E402

pytestmark = pytest.mark.benchmark(timer=time.process_time)
RULES = BUILTIN
LITERAL = re.compile(r"(?<= )\d+(?=\))")
FIFTEEN = json.dumps(documents(18)["sizes/fifteen"])
SIZES = (1_250, 2_500, 5_000, 10_000)


def all_of_it(text: str, catalogue: Catalogue | None = None) -> None:
    """Parse, normalise, fingerprint, every rule; those that need the catalogue where it is given."""
    plan = parse(text)
    marked(plan)
    check(Subject(plan, sql="SELECT * FROM events WHERE note = 'n'", catalogue=catalogue), RULES)


def catalogue_of(count: int) -> Catalogue:
    """The table ``events``, its partitions, and an index on each that does not serve."""
    columns = {"id": "bigint", "happened": "timestamp with time zone", "note": "text"}
    primary = Index("events_pkey", "btree", (IndexKey("id"),), unique=True)
    top = Table("public", "events", 100 * count, columns=columns, partition_key=("happened",))
    parts = [Table("public", f"p{n}", 100, 1e4, True, columns, (primary,), top.qualified) for n in range(count)]
    return Catalogue(
        18, {one.qualified: one for one in [top, *parts]}, {one.name: one.qualified for one in [top, *parts]}
    )


def varied() -> Iterator[str]:
    """The plan of 15 nodes with other literals each time."""
    for number in itertools.count(1000):
        yield LITERAL.sub(str(number), FIFTEEN)


def partitioned(count: int, seed: int = 0, each: int = 7) -> str:
    """An executed scan of so many partitions, as 18 writes it; literals differ by ``each`` from one to the next."""
    member = documents(18)["serial/append"][0]["Plan"]["Plans"][0]["Plans"][0]
    plans = [
        member
        | {"Relation Name": f"p{n}", "Alias": f"events_{n + 1}", "Filter": f"(note = 'n{n * each + seed}'::text)"}
        for n in range(count)
    ]
    append = documents(18)["serial/append"][0]["Plan"]["Plans"][0]
    return json.dumps([{"Plan": append | {"Plans": plans}}])


def seconds(work: Callable[[], Any]) -> float:
    """The best of three."""
    best = math.inf
    for _ in range(3):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def exponent(sizes: tuple[int, ...], figures: list[float]) -> float:
    """The slope of the line through the logarithms: 1 is linear."""
    xs, ys = [math.log(size) for size in sizes], [math.log(figure) for figure in figures]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def told(capsys: pytest.CaptureFixture[str], words: str) -> None:
    with capsys.disabled():
        print(f"\n{words}")


@pytest.mark.parametrize("kind", ["other literals", "warm"])
def test_fifteen_nodes(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    texts = varied() if kind == "other literals" else itertools.repeat(FIFTEEN)
    benchmark.pedantic(all_of_it, setup=lambda: ((next(texts),), {}), rounds=1000, warmup_rounds=20)
    assert len(list(parse(FIFTEEN).root.walk())) == 15
    median = benchmark.stats.stats.median * 1e3
    told(capsys, f"15 nodes, {len(RULES)} rules, {kind}: {median:.3f} ms median, limit 0.5 ms")


def test_ten_thousand_partitions(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    texts = iter([partitioned(10_000, seed) for seed in range(6)])
    benchmark.pedantic(all_of_it, setup=lambda: ((next(texts),), {}), rounds=5, warmup_rounds=1)
    told(capsys, f"10,000 partitions: {benchmark.stats.stats.median:.3f} s median, limit 0.4 s")
    figures = []
    for size in SIZES:
        text = partitioned(size)
        figures.append(seconds(lambda text=text: (normalise.cache_clear(), all_of_it(text))))
    told(capsys, f"{_listed(SIZES, figures)}: exponent {exponent(SIZES, figures):.2f}")


def test_ten_thousand_partitions_and_their_catalogue(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """One condition on the table, so the same on each partition."""
    texts = iter([partitioned(10_000, seed, each=0) for seed in range(6)])
    catalogue = catalogue_of(10_000)
    benchmark.pedantic(all_of_it, setup=lambda: ((next(texts), catalogue), {}), rounds=5, warmup_rounds=1)
    told(capsys, f"10,000 partitions and their catalogue: {benchmark.stats.stats.median:.3f} s median, limit 0.4 s")


def test_identifiers_of_ten_thousand_partitions(benchmark: BenchmarkFixture) -> None:
    plan = parse(partitioned(10_000))
    benchmark.pedantic(identifiers, (plan,), rounds=5)


@pytest.mark.parametrize("kind", ["10 nodes put in", "100 nodes put in", "nothing in common but labels"])
def test_two_trees_of_a_thousand_nodes(
    benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    old, new = pair(1000, kind)
    found = benchmark.pedantic(edits, (old, new), rounds=5)
    told(capsys, f"two trees of 1,000 nodes, {kind}, {found}: {benchmark.stats.stats.median:.3f} s, limit 0.2 s")
    sizes = (125, 250, 500, 1000)
    figures = [seconds(functools.partial(edits, *pair(size, kind))) for size in sizes]
    told(capsys, f"{_listed(sizes, figures)}: exponent {exponent(sizes, figures):.2f}")


def test_two_plans_of_a_thousand_nodes(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = parse(partitioned(1000, 1)), parse(partitioned(1010, 2))
    benchmark.pedantic(lambda: as_text(compare_plans(old, new)), rounds=5)
    told(capsys, f"two plans of 1,000 partitions compared: {benchmark.stats.stats.median:.3f} s, limit 0.2 s")


def pair(size: int, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    old = lines(grown(1, size))
    if kind.startswith("nothing"):
        return old, lines(grown(2, size))
    share = int(kind.split()[0]) * size // 1000
    return old, put_in(old, max(1, share))


def put_in(tree: tuple[str, ...], count: int) -> tuple[str, ...]:
    """So many nodes, each put above one that was there."""
    chance, found = random.Random(3), list(tree)
    for _ in range(count):
        place = chance.randrange(1, len(found))
        depth = _depth(found[place])
        end = next((n for n in range(place + 1, len(found)) if _depth(found[n]) <= depth), len(found))
        found[place:end] = [" " * depth + "Hash", *(f"  {line}" for line in found[place:end])]
    return tuple(found)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _listed(sizes: tuple[int, ...], figures: list[float]) -> str:
    return ", ".join(f"{size:,} nodes {figure * 1e3:.1f} ms" for size, figure in zip(sizes, figures, strict=True))
