"""A change of a baseline and the words that show it: old → new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_perfbudget.baselines.record import QueryRecord, TestRecord
from pytest_perfbudget.model import WORK_METRICS
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_count

WIDTH = 100
"""Characters of a statement that are shown."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing an update records, or would record if its category were accepted.

    ``category`` is new, better, equivalent, worse or unused; ``test`` is empty where the change is the whole file's,
    ``query`` (the key of a statement) None where it is the whole test's; ``lines`` say old → new.
    """

    category: str
    budget: str
    test: str
    query: str | None
    lines: tuple[str, ...]
    recorded: bool = True

    def text(self) -> list[str]:
        """The lines of an update's output."""
        head = f"{self.category:<10}  {self.budget}  {self.test}".rstrip()
        withheld = "" if self.recorded else f"   not recorded without --perf-accept={self.category}"
        return [head + withheld, *(f"    {line}".rstrip() for line in self.lines)]


def title(record: QueryRecord) -> str:
    """The statement on one line, after its case."""
    case = f"case {record.case}: " if record.case else ""
    return case + one_line(record.sql, WIDTH)


def added(new: QueryRecord) -> tuple[str, ...]:
    """A statement that has no record yet."""
    return (title(new), "nothing → " + _figures(new))


def dropped(old: QueryRecord) -> tuple[str, ...]:
    """A statement the test no longer sends."""
    return (title(old), _figures(old) + " → no longer runs")


def unused(entry: TestRecord) -> tuple[str, ...]:
    """A test that no longer exists, by its statements."""
    return tuple(f"{title(query)} → nothing" for query in entry.queries)


def altered(old: QueryRecord, new: QueryRecord) -> tuple[str, ...]:
    """The text, the call site, the figures and the plan, as far as they differ."""
    lines = [title(new)]
    if old.sql != new.sql:
        lines = [f"{title(old)} →", *lines]
    if old.site != new.site:
        lines.append(f"site {old.site or 'unknown'} → {new.site or 'unknown'}")
    lines += [f"{name} {format_count(was)} → {format_count(now)}" for name, was, now in figures(old, new)]
    if [plan.fingerprint for plan in old.plans] != [plan.fingerprint for plan in new.plans]:
        lines += ["", *plan_diff(old, new)]
    if new.generic and (not old.generic or old.generic.fingerprint != new.generic.fingerprint):
        lines += ["generic plan", *diff(old.generic.tree if old.generic else (), new.generic.tree)]
    return tuple(lines)


def accepted(old: QueryRecord, new: QueryRecord) -> tuple[str, ...]:
    """The plans that stand beside the recorded ones from now on."""
    before = old.plans[0].tree if old.plans else ()
    lines = [title(new), f"plans accepted {len(old.accepted)} → {len(new.accepted)}"]
    return tuple(lines + [line for one in new.accepted[len(old.accepted) :] for line in ("", *diff(before, one.tree))])


def figures(old: QueryRecord, new: QueryRecord) -> Iterator[tuple[str, float, float]]:
    """Counters that differ, as (name, old, new); the planner's estimate where one side counted nothing."""
    for name in WORK_METRICS if old.work and new.work else ():
        was, now = getattr(old.work, name), getattr(new.work, name)
        if was != now:
            yield name, was, now
    if old.cost != new.cost:
        yield "cost", old.cost, new.cost


def totals(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[str, ...]:
    """Sums of the test that differ."""
    names = sorted(old.keys() | new.keys())
    return tuple(
        f"{name} {format_count(old.get(name, 0))} → {format_count(new.get(name, 0))}"
        for name in names
        if old.get(name, 0) != new.get(name, 0)
    )


def plan_diff(old: QueryRecord, new: QueryRecord) -> tuple[str, ...]:
    """The plans that left against those that came, one below the other."""
    kept = {plan.fingerprint for plan in old.plans} & {plan.fingerprint for plan in new.plans}
    left = [plan.tree for plan in old.plans if plan.fingerprint not in kept]
    came = [plan.tree for plan in new.plans if plan.fingerprint not in kept]
    empty: tuple[str, ...] = ()
    count = max(len(left), len(came))
    pairs = zip(left + [empty] * (count - len(left)), came + [empty] * (count - len(came)), strict=True)
    return tuple(line for was, now in pairs for line in diff(was, now))


def _figures(record: QueryRecord) -> str:
    if record.work is None:
        return f"cost {format_count(record.cost)}"
    return f"buffers {format_count(record.work.buffers)}, rows {format_count(record.work.rows)}"
