"""The same statements planned by two majors, as a table. It is a report: exit 0 whatever it shows.

From baselines, without any server: perfbudget drift --majors 15,18
  Where both majors are recorded (pytest --perf-update, once against each). Compared are the recorded plans, and the
  blocks they read.

From servers made for it: perfbudget drift --majors 15,18 [FILE.sql …]
  Where files are given, or only one major is recorded. A server of each major is started as in a test run, made by
  the project's seed (or --seed) and stopped again. Planned are the statements of the files, or those recorded; one with
  parameters ($1) by its generic plan. Nothing else is executed.

From two servers that are there: perfbudget drift --dsn DSN --dsn DSN FILE.sql …
  Both databases have the same schema, the same rows, and are analysed: nothing is made, executed or written. Compared
  are the plans and costs of each statement of the files. --majors then says which majors the two have to be.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.baselines.record import Baseline
from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.plans.ties import Shape
from pytest_perfbudget.report.tables import table
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.drift import Drift, Side, circumstances, recorded

if TYPE_CHECKING:
    import psycopg

WIDTH = 64
"""Characters of a statement that are shown."""

_MAJORS = frozenset(("14", "15", "16", "17", "18"))
_PLANS = {Shape.SAME: "same", Shape.TIE: "another index among equals", Shape.OTHER: "another plan"}


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.sql", nargs="*", type=Path, help="statements to plan")
    parser.add_argument("--majors", metavar="OLD,NEW", help="two majors of 14 to 18, such as 15,18")
    parser.add_argument("--dsn", action="append", default=[], help="a server with its database; give two, old and new")
    parser.add_argument(
        "--seed", action="append", default=[], help="a step of the seed (repeatable); default: the project's"
    )
    parser.add_argument("--budgets", metavar="DIR", type=Path, default=Path("budgets"), help="default: budgets")
    parser.add_argument("--diff", action="store_true", help="also the tree diff of each statement planned otherwise")


def run(arguments: argparse.Namespace) -> int:
    majors = _majors(arguments.majors)
    notes: tuple[str, ...] = ()
    if arguments.dsn:
        majors, drifts = _from_servers(arguments, majors)
    elif not majors:
        raise SettingsError("say which: --majors OLD,NEW, or two --dsn and FILE.sql")
    else:
        store = Store(arguments.budgets / "baselines", Path.cwd())
        found = {major: store.load_all(major) for major in majors}
        if all(found.values()) and not (arguments.file or arguments.seed):
            drifts, notes = _from_baselines(*found.values())
        else:
            drifts, notes = _from_own_servers(arguments, majors)
    print("\n".join(_report(drifts, majors, notes, trees=arguments.diff)))
    return 0


def _majors(text: str | None) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")] if text is not None else []
    if words and (len(words) != 2 or len(set(words)) != 2 or not set(words) <= _MAJORS):
        raise SettingsError(f"--majors {text}: give two majors of 14 to 18, such as 15,18")
    return tuple(map(int, words))


def _from_baselines(old: Mapping[str, Baseline], new: Mapping[str, Baseline]) -> tuple[list[Drift], tuple[str, ...]]:
    notes = tuple(f"besides the major: {note}" for note in circumstances(old, new))
    return list(recorded(old, new)), notes


def _from_own_servers(arguments: argparse.Namespace, majors: Sequence[int]) -> tuple[list[Drift], tuple[str, ...]]:
    from pytest_perfbudget.cli.seeded import project, seeded

    texts = _texts(arguments, majors)
    options = project(arguments.seed)
    with contextlib.ExitStack() as stack:
        old, new = (stack.enter_context(seeded(options, major)) for major in majors)
        drifts = _planned(old.connection, new.connection, texts)
        return drifts, (f"planned by {old.source} and {new.source}",)


def _texts(arguments: argparse.Namespace, majors: Sequence[int]) -> list[tuple[str, str]]:
    """(where it is from, statement): of the files, else those recorded on the newest major that is."""
    from pytest_perfbudget.cli.replanned import recorded as recorded_statements
    from pytest_perfbudget.cli.servers import statements

    if arguments.file:
        return [(path.name, text) for path in arguments.file for text in statements(path)]
    found = [(one.budget, one.sql) for one in recorded_statements(arguments.budgets, max(majors))[1]]
    if not found:
        where = f"{arguments.budgets}/baselines"
        raise SettingsError(f"{where} holds no baseline: record one with pytest --perf-update, or give FILE.sql")
    return found


def _planned(old: psycopg.Connection, new: psycopg.Connection, texts: Iterable[tuple[str, str]]) -> list[Drift]:
    from pytest_perfbudget.cli.servers import side

    return [Drift(group, statement, side(old, statement), side(new, statement)) for group, statement in texts]


def _from_servers(arguments: argparse.Namespace, majors: Sequence[int]) -> tuple[tuple[int, ...], list[Drift]]:
    from pytest_perfbudget.cli.servers import READ_ONLY
    from pytest_perfbudget.postgres.conninfo import connect

    if arguments.seed:
        raise SettingsError("--seed makes databases, --dsn names two that are there: give one of them")
    if len(arguments.dsn) != 2 or not arguments.file:
        raise SettingsError(
            f"statements are planned by two servers: give two --dsn (not {len(arguments.dsn)}) and FILE.sql"
        )
    texts = _texts(arguments, majors)
    with contextlib.ExitStack() as stack:
        old, new = (stack.enter_context(connect(dsn, options=READ_ONLY)) for dsn in arguments.dsn)
        found = tuple(connection.info.server_version // 10000 for connection in (old, new))
        if majors and found != tuple(majors):
            wanted, are = (",".join(map(str, two)) for two in (majors, found))
            raise SettingsError(f"--majors {wanted}, but the servers are {are}")
        return found, _planned(old, new, texts)


def _report(drifts: Sequence[Drift], majors: Sequence[int], notes: Iterable[str], *, trees: bool) -> Iterator[str]:
    old, new = majors
    headers = ["from", "statement", f"plan on {new}", f"cost {old} → {new}", f"buffers {old} → {new}"]
    rows = [_row(drift, old, new) for drift in drifts]
    kept = [column for column in range(5) if column < 4 or any(row[column] for row in rows)]
    shown = [[row[column] for column in kept] for row in rows]
    yield from table([headers[column] for column in kept], shown, right=(3, 4))
    moved = [drift for drift in drifts if drift.shape not in (Shape.SAME, None)]
    yield f"\n{len(moved)} of {len(drifts)} statements are planned otherwise on {new} than on {old}"
    yield from notes
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
