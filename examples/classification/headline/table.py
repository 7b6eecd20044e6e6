"""The document as lines of a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from headline.document import Document
from headline.figures import Interval, Row, Without
from pytest_perfbudget.report.tables import table
from pytest_perfbudget.units import format_measure, format_seconds

_HEADERS = ["", "before", "after", "change", "95 % interval", "reference", "target", ""]
_WITHOUT = ["without", "response", "connection", "memory", "CPU", "throughput"]


def lines(document: Document) -> list[str]:
    """The table, the share of each step, and what both rest on."""
    return [
        *table(_HEADERS, [_row(row) for row in document.rows], right=(1, 2, 3, 5, 6)),
        *_shares(document),
        "",
        *_basis(document),
    ]


def _shares(document: Document) -> Iterator[str]:
    if document.without:
        yield "\neach step's own share: the figure with all steps but this one, as a multiple of the figure with all"
        yield from table(_WITHOUT, [_without(one) for one in document.without], right=(1, 2, 3, 4, 5))


def percent(value: float, digits: int = 1) -> str:
    """−0.9874 → ``"−98.7%"``; with its sign, and whole from 1,000 % on."""
    return f"{value * 100:+,.{digits if abs(value) < 10 else 0}f}%".replace("-", "−")


def change(row: Row) -> str:
    """The hit rate as it is, all else as a change."""
    return f"{row.change.value * 100:.1f}%" if row.unit == "%" else percent(row.change.value)


def span(row: Row) -> str:
    """The interval in the words of the change."""
    if row.unit == "%":
        return f"{row.change.low * 100:.1f}% to {row.change.high * 100:.1f}%"
    return f"{percent(row.change.low)} to {percent(row.change.high)}"


def wanted(row: Row, value: float) -> str:
    """A target or a reference."""
    return f"{value * 100:.0f}%" if row.unit == "%" else percent(value, 0)


def verdict(row: Row) -> str:
    """Whether the target is reached, and by how much it is not."""
    if row.reached:
        return "reached"
    return f"short by {abs(row.change.value - row.target) * 100:.1f} points"


def _row(row: Row) -> list[str]:
    before = "none" if row.unit == "%" else format_measure(row.before, row.unit)
    after = format_measure(row.after, row.unit)
    return [row.name, before, after, change(row), span(row), wanted(row, row.reference), wanted(row, row.target),
            verdict(row)]  # fmt: skip


def _without(one: Without) -> list[str]:
    figures = (one.response, one.connection, one.memory, one.cpu, one.throughput)
    return [one.step, *map(_multiple, figures)]


def _multiple(found: Interval) -> str:
    return f"× {found.value:.2f}"


def _basis(document: Document) -> Iterator[str]:
    load, stale = document.load, document.staleness
    compared = f"{stale.checked:,} hits compared with PostgreSQL in the same load"
    yield f"{compared}: {stale.stale} stale, {stale.undecided} undecided"
    mix = ", ".join(f"{share * 100:.1f}% {kind}" for kind, share in load.mix.items())
    yield f"{load.clients} clients, processes: {load.processes}; {mix}"
    yield (
        f"popularity of {load.businesses:,} businesses, keywords and sectors: Zipf {load.zipf:g}; "
        f"{load.write_share * 100:.1f}% writes, {load.anyone * 100:.0f}% of them of any business alike, "
        f"{load.moves * 100:.0f}% to another class"
    )
    versions = f"PostgreSQL {document.postgres}, Valkey {document.redis}"
    yield f"{load.rounds} rounds in turns, {load.seconds:g} s each; {versions}"
    yield f"{document.machine}; both sides durable (fsync), on a socket"
    yield f"environment of the tuned server: {' '.join('='.join(one) for one in document.environment.items())}"
    before, after = map(format_seconds, document.client_cpu)
    yield f"CPU is that of the servers, Redis included; the clients' own is in no row: {before} and {after} per request"
    for error, times in document.failed.items():
        yield f"failed {times} times: {error}"
