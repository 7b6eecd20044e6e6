"""What the working tree's baselines allow that those of a git ref did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_perfbudget.baselines import describe
from pytest_perfbudget.baselines.record import Baseline, QueryRecord, TestRecord
from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.units import format_count


def loosened_baselines(old_store: Store, new_store: Store, major: int) -> tuple[str, ...]:
    """A line for each recorded figure that rose, plan that changed, plan that was accepted and entry that went.

    Raises:
        BaselineError: a file of either side cannot be read.
    """
    old, new = old_store.load_all(major), new_store.load_all(major)
    return tuple(line for budget in sorted(old) for line in _budget(old[budget], new.get(budget)))


def _budget(old: Baseline, new: Baseline | None) -> Iterator[str]:
    if new is None:
        yield f"{old.budget}: the baseline was removed"
        return
    for test, entry in sorted(old.tests.items()):
        if test in new.tests:
            yield from (f"{old.budget}  {test}: {line}" for line in _test(entry, new.tests[test]))
        else:
            yield f"{old.budget}  {test}: the entry was removed"


def _test(old: TestRecord, new: TestRecord) -> Iterator[str]:
    for was, now in _partners(old.queries, new.queries):
        if now is None:
            yield f"the entry was removed: {describe.title(was)}"
        else:
            yield from (f"{line}: {describe.title(now)}" for line in _query(was, now))
    yield from _raised(old.totals, new.totals)


def _partners(
    old: Sequence[QueryRecord], new: Sequence[QueryRecord]
) -> Iterator[tuple[QueryRecord, QueryRecord | None]]:
    """By key, then, where the text was edited, by call site and case."""
    left = {query.key: query for query in new}
    same = {query.key: left.pop(query.key) for query in old if query.key in left}
    for was in old:
        moved = next((n for n in left.values() if was.site and (n.site, n.case) == (was.site, was.case)), None)
        now = same.get(was.key) or moved
        if now is moved and moved:
            left.pop(moved.key)
        yield was, now


def _query(old: QueryRecord, new: QueryRecord) -> Iterator[str]:
    for name, was, now in describe.figures(old, new):
        if now > was:
            yield f"work.{name} {format_count(was)} → {format_count(now)}"
    if old.work and not new.work:
        yield "work is no longer recorded"
    if not {plan.fingerprint for plan in new.plans} <= {plan.fingerprint for plan in old.plans}:
        yield "the plan changed"
    if {one.fingerprint for one in new.accepted} - {one.fingerprint for one in old.accepted}:
        yield f"plans accepted {len(old.accepted)} → {len(new.accepted)}"


def _raised(old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[str]:
    for name in sorted(old):
        if name not in new:
            yield f"{name} of the whole test is no longer recorded"
        elif new[name] > old[name]:
            yield f"{name} of the whole test {format_count(old[name])} → {format_count(new[name])}"
