"""The same statements planned by two majors, as a table. It is a report: exit 0 whatever it shows.

From baselines, without any server: perfbudget drift --majors 15,18
  Both majors have to be recorded: run pytest --perf-update once against each. Compared are the recorded plans, and
  the blocks they read.

From two servers: perfbudget drift --dsn DSN --dsn DSN FILE.sql …
  Both databases have to be there, with the same schema, the same rows, and analysed: nothing is made, executed or
  written. Compared are the plans and costs of each statement of the files; one with parameters ($1) by its generic
  plan. --majors then says which majors the two have to be.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.plans.ties import Shape
from pytest_perfbudget.report.tables import table
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.drift import Drift, Side, circumstances, recorded

WIDTH = 64
"""Characters of a statement that are shown."""

_MAJORS = frozenset(("14", "15", "16", "17", "18"))
_PLANS = {Shape.SAME: "same", Shape.TIE: "another index among equals", Shape.OTHER: "another plan"}


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.sql", nargs="*", type=Path, help="statements to plan; needs two --dsn")
    parser.add_argument("--majors", metavar="OLD,NEW", help="two majors of 14 to 18, such as 15,18")
    parser.add_argument("--dsn", action="append", default=[], help="a server with its database; give two, old and new")
    parser.add_argument("--budgets", metavar="DIR", type=Path, default=Path("budgets"), help="default: budgets")
    parser.add_argument("--diff", action="store_true", help="also the tree diff of each statement planned otherwise")


def run(arguments: argparse.Namespace) -> int:
    majors = _majors(arguments.majors)
    if arguments.file or arguments.dsn:
        majors, drifts = _from_servers(arguments, majors)
        notes: tuple[str, ...] = ()
    elif majors:
        drifts, notes = _from_baselines(arguments.budgets, majors)
    else:
        raise SettingsError("say which: --majors OLD,NEW for baselines, or two --dsn and FILE.sql for servers")
    print("\n".join(_report(drifts, majors, notes, trees=arguments.diff)))
    return 0


def _majors(text: str | None) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")] if text is not None else []
    if words and (len(words) != 2 or not set(words) <= _MAJORS):
        raise SettingsError(f"--majors {text}: give two majors of 14 to 18, such as 15,18")
    return tuple(map(int, words))


def _from_baselines(budgets: Path, majors: Sequence[int]) -> tuple[list[Drift], tuple[str, ...]]:
    store = Store(budgets / "baselines", Path.cwd())
    old, new = (store.load_all(major) for major in majors)
    for major, found in zip(majors, (old, new), strict=True):
        if not found:
            where = f"{budgets}/baselines/pg{major}"
            raise SettingsError(f"{where} holds no baseline: record it with pytest --perf-update on PostgreSQL {major}")
    return list(recorded(old, new)), circumstances(old, new)


def _from_servers(arguments: argparse.Namespace, majors: Sequence[int]) -> tuple[tuple[int, ...], list[Drift]]:
    from pytest_perfbudget.cli.servers import READ_ONLY, side, statements
    from pytest_perfbudget.postgres.conninfo import connect

    if len(arguments.dsn) != 2 or not arguments.file:
        raise SettingsError(
            f"statements are planned by two servers: give two --dsn (not {len(arguments.dsn)}) and FILE.sql"
        )
    files = {path: statements(path) for path in arguments.file}
    with contextlib.ExitStack() as stack:
        old, new = (stack.enter_context(connect(dsn, options=READ_ONLY)) for dsn in arguments.dsn)
        found = tuple(connection.info.server_version // 10000 for connection in (old, new))
        if majors and found != tuple(majors):
            wanted, are = (",".join(map(str, two)) for two in (majors, found))
            raise SettingsError(f"--majors {wanted}, but the servers are {are}")
        drifts = [
            Drift(path.name, statement, side(old, statement), side(new, statement))
            for path, texts in files.items()
            for statement in texts
        ]
    return found, drifts


def _report(drifts: Sequence[Drift], majors: Sequence[int], notes: Iterable[str], *, trees: bool) -> Iterator[str]:
    old, new = majors
    headers = ["from", "statement", f"plan on {new}", f"cost {old} → {new}", f"buffers {old} → {new}"]
    rows = [_row(drift, old, new) for drift in drifts]
    kept = [column for column in range(5) if column < 4 or any(row[column] for row in rows)]
    shown = [[row[column] for column in kept] for row in rows]
    yield from table([headers[column] for column in kept], shown, right=(3, 4))
    moved = [drift for drift in drifts if drift.shape not in (Shape.SAME, None)]
    yield f"\n{len(moved)} of {len(drifts)} statements are planned otherwise on {new} than on {old}"
    yield from (f"besides the major: {note}" for note in notes)
    for drift in moved if trees else ():
        yield from ("", one_line(drift.statement, WIDTH), *diff(*drift.trees))


def _row(drift: Drift, old: int, new: int) -> list[str]:
    names = [drift.group, one_line(drift.statement, WIDTH)]
    if not (drift.old and drift.new):
        return [*names, f"only on {old if drift.old else new}", "", ""]
    if drift.old.failed or drift.new.failed:
        return [*names, _failed(drift.old.failed, drift.new.failed, old, new), "", ""]
    assert drift.shape
    return [*names, _PLANS[drift.shape], _arrow(drift.old.cost, drift.new.cost), _buffers(drift.old, drift.new)]


def _failed(was: str, now: str, old: int, new: int) -> str:
    if was == now:
        return f"none: {now}"
    return "; ".join(f"none on {major}: {why}" for major, why in ((old, was), (new, now)) if why)


def _buffers(old: Side, new: Side) -> str:
    return "" if old.buffers is None or new.buffers is None else _arrow(old.buffers, new.buffers)


def _arrow(old: float, new: float) -> str:
    return format_count(new) if old == new else f"{format_count(old)} → {format_count(new)}"
