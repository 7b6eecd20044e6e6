"""What a change promises less than before: one line for each, so that no reviewer has to look for them."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_perfbudget.budgets.budget import Budget, Regress, Suite

_STRICTNESS = ("exact", "no-worse", "off")


def loosened(old: Suite, new: Suite) -> tuple[str, ...]:
    """Every budget, limit, clause, margin and waiver that ``new`` makes laxer than ``old``, in the order of ``old``."""
    lines: list[str] = []
    for name, before in old.budgets.items():
        after = new.budgets.get(name)
        if after:
            lines += _budget(before, after)
            lines += [f"{name}: {line}" for line in (*_switches(before, after), *_waivers(before, after))]
        else:
            lines.append(f"{name}: budget removed  (was at {before.at})")
    return tuple(lines)


def _budget(old: Budget, new: Budget) -> Iterator[str]:
    """What a narrowed query has too."""
    own = (*_limits(old, new), *_slower(old, new), *_growth(old, new))
    own += (*_clauses(old, new), *_rules(old, new), *_route(old, new))
    yield from (f"{new.name}: {line}" for line in own)
    for name, before in old.queries.items():
        after = new.queries.get(name)
        if after:
            yield from _budget(before, after)
        else:
            yield f"{new.name}: query.{name} removed  (was at {before.at})"


def _limits(old: Budget, new: Budget) -> Iterator[str]:
    for key, before in old.limits.items():
        after = new.limits.get(key)
        if after is None:
            yield f"{key} {before.text} → no limit  (was at {before.at})"
        elif after.value < before.value if before.least else after.value > before.value:
            yield f"{key} {before.text} → {after.text}  ({after.at})"


def _slower(old: Budget, new: Budget) -> Iterator[str]:
    held = (
        ("latency.regress", old.latency_regress, new.latency_regress),
        ("latency.baseline", old.latency_baseline, new.latency_baseline),
    )
    for key, before, after in held:
        if before and after is None:
            yield f"{key} {before.text} → not held to  (was at {before.at})"
        elif before and after and after.share > before.share:
            yield f"{key} {before.text} → {after.text}  ({after.at})"
    if old.latency_regress and old.latency_always and not new.latency_always:
        yield f"latency.always true → false  ({new.at})"


def _growth(old: Budget, new: Budget) -> Iterator[str]:
    before, after = old.growth, new.growth
    if before and after is None:
        yield f"growth {before.text} → not held to  (was at {before.at})"
    elif before and after and after.bound.rank > before.bound.rank:
        yield f"growth {before.text} → {after.text}  ({after.at})"


def _clauses(old: Budget, new: Budget) -> Iterator[str]:
    kept = [(clause.key, clause.pattern) for clause in new.clauses]
    for clause in old.clauses:
        if (clause.key, clause.pattern) not in kept:
            yield f'{clause.key} "{clause.text}" removed  (was at {clause.at})'


def _rules(old: Budget, new: Budget) -> Iterator[str]:
    """Promises that are gone, and those with other options: which way is laxer only the rule could say."""
    for code, before in old.rules.items():
        after = new.rules.get(code)
        if before.on and after is None:
            yield f"plan.rules.{code} {before.text} → not named  (was at {before.at})"
        elif before.on and after and (not after.on or after.thresholds != before.thresholds):
            yield f"plan.rules.{code} {before.text} → {after.text}  ({after.at})"
    if old.plan_generic and not new.plan_generic:
        yield f"plan.generic true → false  (was at {old.plan_generic})"


def _route(old: Budget, new: Budget) -> Iterator[str]:
    if old.route and (new.route is None or new.route.to != old.route.to):
        after = f"{new.route.to}  ({new.route.at})" if new.route else f"anywhere  (was at {old.route.at})"
        yield f"route {old.route.to} → {after}"


def _switches(old: Budget, new: Budget) -> Iterator[str]:
    """What has no place of its own is shown at its budget."""
    if _STRICTNESS.index(new.plan_baseline) > _STRICTNESS.index(old.plan_baseline):
        yield f"plan.baseline {old.plan_baseline} → {new.plan_baseline}  ({new.at})"
    if new.regress.ratio > old.regress.ratio or new.regress.blocks > old.regress.blocks:
        yield f"work.regress {_margin(old.regress)} → {_margin(new.regress)}  ({new.at})"
    if old.latency_writes and not new.latency_writes:
        yield f"latency.writes true → false  ({new.at})"
    if new.clients < old.clients:
        yield f"clients {old.clients} → {new.clients}  ({new.at})"
    if old.capture == "test" and new.capture == "call":
        yield f"capture test → call  ({new.at})"


def _margin(regress: Regress) -> str:
    return f"{regress.ratio * 100:g}% and {regress.blocks} blocks"


def _waivers(old: Budget, new: Budget) -> Iterator[str]:
    before = {waiver.rule: waiver for waiver in old.waivers}
    for waiver in new.waivers:
        known = before.get(waiver.rule)
        if known is None:
            yield f"{waiver.rule} waived until {waiver.until} by {waiver.owner}: {waiver.reason}  ({waiver.at})"
        elif waiver.until > known.until:
            yield f"{waiver.rule} waived until {known.until} → {waiver.until}  ({waiver.at})"
