"""Counters before a read: those that are missing made, those that are pending settled where their writers have
ended."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_perfbudget.cache.queries import questions, versions
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Steps
from pytest_perfbudget.cache.queries.versions import MISSING, Counter

_ATTEMPTS = 4  # others make and settle the same counters


def clean(server: str, counters: tuple[str, ...]) -> Steps[dict[str, str] | None]:
    """The bases of all of them, None while one is pending: a result of now would not be known to be current."""
    for _ in range(_ATTEMPTS):
        found = yield from _found(server, counters)
        if not any(counter.pending for counter in found.values()):
            return {name: counter.base for name, counter in found.items()}
        if not (yield from _settle(server, found)):
            return None
    return None


def _found(server: str, counters: tuple[str, ...]) -> Steps[dict[str, Counter]]:
    values = [text(value) for value in (yield Ask(server, "MGET", tuple(map(versions.key, counters))))]
    found = {name: Counter.of(value or "") for name, value in zip(counters, values, strict=True)}
    for name in [name for name, value in zip(counters, values, strict=True) if not value]:
        found[name] = Counter(versions.fresh(), (MISSING,))
        yield Ask(server, "exchange", (versions.key(name),), ("", str(found[name])))
    return found


def text(value: bytes | str | None) -> str | None:
    """A counter's value as Redis gives it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _settle(server: str, found: dict[str, Counter]) -> Steps[bool]:
    """Asks PostgreSQL what became of the writers: whether all of them have ended, and it is worth looking again."""
    bound = ""
    if any(MISSING in counter.pending for counter in found.values()):
        bound = questions.number((yield Sql(questions.HORIZON)))
    tokens = {token for counter in found.values() for token in counter.pending}
    writers = sorted(token for token in tokens if token.isdigit())
    over = questions.value((yield Sql(questions.OVER, (writers,))))
    settled = True
    for name, counter in found.items():
        if counter.pending:
            after = _after(counter, bound, int(over["oldest"]), over["status"])
            yield Ask(server, "exchange", (versions.key(name),), (str(counter), str(after)))
            settled = settled and not after.pending
    return settled


def _after(counter: Counter, bound: str, oldest: int, status: dict[str, str]) -> Counter:
    """The counter without the writers that have ended; its base is another one unless they all rolled back."""
    left: list[str] = []
    changed = False
    for token in counter.pending:
        until = bound if token == MISSING else token[1:] if token[0] == "<" else ""
        if until and oldest < int(until):
            left.append(f"<{until}")
        elif until:
            changed = True
        elif status.get(token, "committed") == questions.RUNNING:
            left.append(token)
        else:
            changed = changed or status.get(token) != "aborted"
    return Counter(versions.fresh() if changed else counter.base, tuple(_once(left)))


def _once(tokens: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(tokens)
