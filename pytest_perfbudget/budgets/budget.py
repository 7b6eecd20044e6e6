"""A budget as everybody above this floor sees it: frozen, typed, every part with the place it was written at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Literal

from pytest_perfbudget.budgets.nearest import did_you_mean
from pytest_perfbudget.errors import At, BudgetError

if TYPE_CHECKING:
    from pytest_perfbudget.measure.bound import Bound
    from pytest_perfbudget.plans.patterns import Pattern

ClauseKey = Literal["plan.forbid", "plan.require"]
PlanBaseline = Literal["exact", "no-worse", "off"]
Server = Literal["primary", "replica"]
Capture = Literal["call", "test"]

CLOCKED = ("latency.", "throughput.", "cpu.")
"""First words of the keys whose limits need quiet to be judged."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be measured, or with ``least`` the least. ``unit`` is ``"s"`` (``value`` in seconds), ``"B"``
    (bytes), ``"%"`` (``value`` a share) or the name of what is counted."""

    key: str
    value: float
    unit: str
    text: str
    at: At
    least: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """A pattern that plans may not contain, or must."""

    key: ClauseKey
    pattern: Pattern
    text: str
    at: At


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """What a budget says of one plan rule: a promise (``on``) with these thresholds, or silence."""

    code: str
    on: bool
    thresholds: Mapping[str, float]
    text: str
    at: At


@dataclass(frozen=True, slots=True)
class Route:
    """The server that every statement is sent to."""

    to: Server
    at: At


@dataclass(frozen=True, slots=True)
class Waiver:
    """A rule code or key whose findings do not fail until, and on, the day ``until``."""

    rule: str
    reason: str
    owner: str
    until: date
    at: At

    def expired(self, today: date) -> bool:
        """Whether the last day has passed."""
        return today > self.until


@dataclass(frozen=True, slots=True)
class Regress:
    """The margin against the baseline: worse is more than ``ratio`` *and* more than ``blocks`` above it."""

    ratio: float = 0.10
    blocks: int = 8


@dataclass(frozen=True, slots=True)
class Slowdown:
    """``latency.regress``: the share by which a statement that is slower must be caught; ``latency.baseline``: that by
    which it may be slower than in recorded runs."""

    share: float
    text: str
    at: At


@dataclass(frozen=True, slots=True)
class GrowthLimit:
    """``growth``: the upper bound on how work grows with the rows of the tables."""

    bound: Bound
    text: str
    at: At


@dataclass(frozen=True, slots=True)
class Budget:
    """What one name promises. ``queries`` narrows to statements by call site or ``/* perf: name */``; ``rules`` are
    those it names, by their codes; ``plan_generic`` is where ``plan.generic`` is true, None where it is not."""

    name: str
    at: At
    clauses: tuple[Clause, ...] = ()
    plan_baseline: PlanBaseline = "no-worse"
    plan_generic: At | None = None
    rules: Mapping[str, RuleSetting] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    regress: Regress = Regress()
    latency_writes: bool = False
    latency_regress: Slowdown | None = None
    latency_always: bool = False
    growth: GrowthLimit | None = None
    latency_baseline: Slowdown | None = None
    clients: int = 1
    route: Route | None = None
    capture: Capture = "call"
    queries: Mapping[str, Budget] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether it bounds something that only a clock can say, for which nothing else may run."""
        parts = (self, *self.queries.values())
        return any(
            part.latency_regress or part.latency_baseline or any(key.startswith(CLOCKED) for key in part.limits)
            for part in parts
        )

    @property
    def of_caches_alone(self) -> bool:
        """Whether it holds nothing that statements would have to show: a test that reads caches may send none."""
        shown = self.clauses or self.rules or self.queries or self.growth
        others = shown or self.route or self.plan_generic or self.latency_regress or self.latency_baseline
        return bool(self.limits) and not others and all(key.startswith("cache.") for key in self.limits)

    def concerning(self, names: Collection[str]) -> tuple[Budget, ...]:
        """Itself, and what it narrows to statements of these names."""
        return (self, *(narrowed for name, narrowed in self.queries.items() if name in names))

    def tables(self) -> tuple[tuple[str, At], ...]:
        """Every table a clause names, nested queries included, with the clause's place; in the order written."""
        return tuple(dict.fromkeys((table, clause.at) for clause in self._all() for table in clause.pattern.tables))

    def indexes(self) -> tuple[tuple[str, At], ...]:
        """Every index a clause names, likewise."""
        return tuple(dict.fromkeys((index, clause.at) for clause in self._all() for index in clause.pattern.indexes))

    def _all(self) -> Iterator[Clause]:
        yield from self.clauses
        for narrowed in self.queries.values():
            yield from narrowed._all()


@dataclass(frozen=True, slots=True)
class Suite:
    """All budgets of a folder by name; ``files`` and ``folder`` as shown to the user."""

    budgets: Mapping[str, Budget]
    files: tuple[str, ...] = ()
    folder: str = "budgets"

    def get(self, name: str, at: At) -> Budget:
        """The budget that a marker at ``at`` names.

        Raises:
            BudgetError: there is none; the nearest name is offered and all are listed.
        """
        if name in self.budgets:
            return self.budgets[name]
        raise BudgetError(f'no budget is called "{name}"', at=at, remedy="\n".join(self._ways_out(name)))

    def _ways_out(self, name: str) -> list[str]:
        prefix, dot, table = name.partition(".")
        if table == "suite":
            return ["[suite] holds the defaults of its file and is no budget: name one of the others", *self._known()]
        if not dot:
            return ['a budget is named after its file and its table: "orders.recent" is [recent] in orders.toml'] + (
                did_you_mean(name, self.budgets) + self._known()
            )
        file = f"{self.folder}/{prefix}.toml"
        verb = "add to" if file in self.files else "create"
        return [
            *did_you_mean(name, self.budgets),
            *self._known(),
            f"{verb} {file}:",
            f"  [{table}]",
            "  queries.max = 3",
        ]

    def _known(self) -> list[str]:
        return (
            [f"budgets: {', '.join(sorted(self.budgets))}"] if self.budgets else [f"{self.folder}/ defines no budget"]
        )
