"""Counters before a read: those that are missing made, those that are pending settled where their writers have
ended."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_perfbudget.cache.queries import questions, versions
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps
from pytest_perfbudget.cache.queries.versions import MISSING, Counter

_ATTEMPTS = 4  # others make and settle the same counters


def clean(server: str, counters: tuple[str, ...], tables: tuple[str, ...], life: int) -> Steps[dict[str, str] | None]:
    """The bases of all of them, None while one is pending: a result of now would not be known to be current.

    ``tables`` are those whose keys are among them: their own counters may be pending. ``life`` is how many milliseconds
    the counter of a key is kept that no entry depends on.
    """
    names = (*tables, *counters)
    keys = tuple(map(versions.key, names))
    for _ in range(_ATTEMPTS):
        bases = [versions.fresh() for _ in keys]
        values = yield Ask(server, "look", keys, (f"|{MISSING}", life, *bases))
        found = {name: Counter.of(text(value) or "") for name, value in zip(names, values, strict=True)}
        missing = any(MISSING in counter.pending for counter in found.values())
        if any(found[name].pending for name in counters):
            after = yield from _settled(server, {name: counter for name, counter in found.items() if counter.pending})
            if not after:
                continue
            found |= after
        if not any(found[name].pending for name in counters):
            return {name: found[name].base for name in counters}
        if not missing:
            return None
    return None


def text(value: bytes | str | None) -> str | None:
    """A counter's value as Redis gives it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _settled(server: str, pending: dict[str, Counter]) -> Steps[dict[str, Counter]]:
    """Asks PostgreSQL what became of the writers: the counters without those that have ended, none where another reader
    was first."""
    tokens = {token for counter in pending.values() for token in counter.pending}
    writers = sorted(filter(versions.WRITER.fullmatch, tokens))
    lost = any(not versions.BOUND.fullmatch(token) for token in tokens.difference(writers))
    over = questions.value((yield Sql(questions.OVER, (lost, writers), often=True)))
    after = {
        name: _after(counter, over["horizon"], int(over["oldest"]), over["status"]) for name, counter in pending.items()
    }
    pairs = [str(value) for name in pending for value in (pending[name], after[name])]
    done = yield Ask(server, "exchange", tuple(map(versions.key, pending)), tuple(pairs))
    return after if int(done) == len(pending) else {}


def _after(counter: Counter, bound: str | None, oldest: int, status: dict[str, str]) -> Counter:
    """The counter without the writers that have ended; its base is another one unless they all rolled back."""
    left: list[str] = []
    changed = False
    for token in counter.pending:
        if versions.WRITER.fullmatch(token):
            if status[token] == questions.RUNNING:
                left.append(token)
            changed = changed or status[token] not in (questions.RUNNING, "aborted")
            continue
        found = versions.BOUND.fullmatch(token)
        until = found[1] if found else str(bound)
        if oldest < int(until):
            left.append(f"<{until}")
        changed = changed or oldest >= int(until)
    return Counter(versions.fresh() if changed else counter.base, tuple(_once(left)))


def _once(tokens: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(tokens)
