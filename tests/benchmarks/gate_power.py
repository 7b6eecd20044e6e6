"""How often gates are wrong, and what they catch: ``python tests/benchmarks/gate_power.py --data FOLDER``.

Our gates and the published rules of others on the same recorded samples. A null case compares a statement with itself,
so that each failure is a false alarm; the others have about 10 % or 20 % more rows to read (+10.3 % and +20.8 % in
time), so that each pass is a miss; a rule whose limit is 10 % can catch about half of the smaller. Intervals are
Clopper and Pearson's at 95 %. The layouts:

two schemas    two schemas of one database on one backend; 120 rounds
busy machine   two schemas on one backend, while others kept both cores busy
one backend    both in one backend on the same tables, statements interleaved
pinned         two databases built separately, a backend each, all pinned to one CPU; 120 rounds
fresh pairs    the same over 48 fresh pairs of backends, each side divided by another statement
two backends   the same over one long-lived pair
another run    the old figures are of another run: the stored ones of every tool that keeps some

What a second connection measures is the next recorded run. Rounds are those of the null cases. ``unjudged`` cases are
neither an alarm nor caught. The folder is described in ``gate_samples.py``; a part of it is recorded in
``tests/unit/measure/recorded``, which the tests of the package replay.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

from gate_rules import RULES, Rule
from gate_samples import EFFECTS, LAYOUTS, Case, Recording
from tabulate import tabulate

SHORT = Path(__file__).parents[1] / "unit" / "measure" / "recorded"


@dataclass
class Tally:
    """A rule on the cases of one layout and effect."""

    cases: int = 0
    failed: int = 0
    unjudged: int = 0
    rounds: list[int] = field(default_factory=list)

    def count(self, rule: Rule, case: Case) -> None:
        fails, rounds = rule.fails(case)
        self.cases += 1
        self.failed += fails is True
        self.unjudged += fails is None
        self.rounds.append(rounds)

    @property
    def rate(self) -> float:
        return self.failed / self.cases

    def __str__(self) -> str:
        if not self.cases:
            return ""
        lower, upper = clopper_pearson(self.failed, self.cases)
        aside = f", {self.unjudged} unjudged" if self.unjudged else ""
        return f"{self.rate:.1%} ({lower:.1%}–{upper:.1%}) {self.failed}/{self.cases}{aside}"


Tallies = dict[tuple[str, str], dict[str, Tally]]


def clopper_pearson(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact bounds of a probability of which ``hits`` of ``of`` trials were seen."""
    tail = (1 - confidence) / 2
    lower = _root(lambda p: 1 - _at_most(hits - 1, of, p) - tail) if hits else 0.0
    upper = _root(lambda p: tail - _at_most(hits, of, p)) if hits < of else 1.0
    return lower, upper


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _at_most(k: int, n: int, p: float) -> float:
    """P(Bin(n, p) ≤ k), by logarithms."""
    if p in (0.0, 1.0):
        return float(p == 0.0 or k >= n)
    return math.fsum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(i + 1)
            - math.lgamma(n - i + 1)
            + i * math.log(p)
            + (n - i) * math.log1p(-p)
        )
        for i in range(k + 1)
    )


def measure(recording: Recording, rules: Sequence[Rule] = RULES, layouts: Sequence[str] = LAYOUTS) -> Tallies:
    """Every rule on every case of the layouts it is for, by rule and layout, then by effect."""
    tallies: Tallies = defaultdict(lambda: defaultdict(Tally))
    for layout in layouts:
        asked = [rule for rule in rules if layout in rule.where]
        for case in recording.cases(layout):
            for rule in asked:
                tallies[rule.name, layout][case.effect].count(rule, case)
    return tallies


def rows(tallies: Tallies, rules: Sequence[Rule] = RULES) -> Iterator[list[str]]:
    """The table's rows; a star marks the layout by which the rule's own tool measures."""
    for rule in rules:
        for layout in rule.where:
            if (rule.name, layout) not in tallies:
                continue
            tally = tallies[rule.name, layout]
            mark = " *" if layout == rule.where[0] else ""
            rounds = tally["null"].rounds
            yield [
                rule.name,
                layout + mark,
                *(str(tally[effect]) for effect in EFFECTS),
                f"{fmean(rounds):.0f}, median {median(rounds):.0f}",
            ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=SHORT, help="folder of recordings; default: the tests' own, a part"
    )
    folder = parser.parse_args(arguments).data
    headers = ["rule", "layout (* its own)", "null: false alarms", "+10 %: caught", "+20 %: caught", "rounds"]
    print(tabulate(list(rows(measure(Recording(folder)))), headers=headers, disable_numparse=True))
    print()
    for rule in RULES:
        print(f"{rule.name}: {rule.published}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
