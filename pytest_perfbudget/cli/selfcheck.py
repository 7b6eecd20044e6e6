"""Replay the suite's own statements against themselves, and say how often each gate on time would be wrong here.

pytest runs once in this folder, with the arguments given (options after --), and what its marked tests send is executed
again and again on new connections. Nothing changes meanwhile, so that every failure is wrong. With the times multiplied
the same trials tell the smallest slowdown that each gate sees, and so which settings to choose. Run it on the machine
that will gate. Exit 1 if a gate was wrong at its usual setting (*).
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.measure.selfcheck import GATES, Tried, chosen, tried
from pytest_perfbudget.report.tables import columns, table
from pytest_perfbudget.session.selfcheck.replay import Replayed
from pytest_perfbudget.session.selfcheck.suite import Sent
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_count, format_measure, format_seconds

_SHOWN, _WIDTH = 10, 110
"""Statements that are listed, and characters of each."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What there is to say. ``seconds`` are those that the trials took."""

    postgres: str
    machine: str
    seconds: float
    sent: Sequence[Sent]
    replayed: Replayed
    tries: Sequence[Tried]


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pytest", nargs="*", metavar="ARGUMENT", help="of pytest: paths, or options after --")
    parser.add_argument("--time", type=_seconds, default=60.0, metavar="SECONDS", help="for the trials; default: 60")
    parser.add_argument("--json", action="store_true", help="the same as JSON")


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 1 <= found <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 1 to 86400")
    return found


def run(arguments: argparse.Namespace) -> int:
    checked = _checked(arguments)
    if arguments.json:
        print(json.dumps(_document(checked), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_text(checked)))
    return int(any(one.wrong for one in checked.tries if one.gate.usual))


def _checked(arguments: argparse.Namespace) -> Checked:
    from pytest_perfbudget.cli.seeded import Told
    from pytest_perfbudget.postgres import BUILTIN
    from pytest_perfbudget.session import settings
    from pytest_perfbudget.session.parts import Parts
    from pytest_perfbudget.session.place import Place
    from pytest_perfbudget.session.selfcheck.replay import replay
    from pytest_perfbudget.session.selfcheck.suite import run as run_suite
    from pytest_perfbudget.session.selfcheck.suite import seeded, statements
    from pytest_perfbudget.session.stored.machine import machine

    root = Path.cwd()
    options = settings.read({}, os.environ, root / "pyproject.toml", root)
    told = Told(options.postgres)
    place = Place(options, Parts(servers=BUILTIN), told)
    try:
        server = place.server
        with told("running the suite's marked tests"):
            given = run_suite(options, arguments.pytest)
        sent, why = statements(given)
        if not sent:
            raise SettingsError("the suite's marked tests sent no statement that can be repeated" + _because(why))
        with seeded(server, given, place.database) as database:
            started = perf_counter()
            with told(f"executing {len(sent)} statements for {format_seconds(arguments.time)}"):
                replayed = replay(server, database, sent, arguments.time)
            seconds = perf_counter() - started
        if not replayed.trials:
            raise SettingsError("no statement could be repeated often enough" + _because(replayed.why))
        replayed.why |= why
        with told("deciding"):
            tries = [one for gate in GATES if (one := tried(gate, replayed.trials))]
        postgres = f"PostgreSQL {server.version.split()[0]} {server.kind}"
        return Checked(postgres, machine(server), seconds, sent, replayed, tries)
    finally:
        place.close()


def _because(why: dict[str, str]) -> str:
    return f": {next(iter(why))} {next(iter(why.values()))}" if why else ""


def _text(checked: Checked) -> Iterator[str]:
    trials = checked.replayed.trials
    counts = sorted({len(found) for found in trials.values()})
    each = " to ".join(format_count(count) for count in dict.fromkeys((counts[0], counts[-1])))
    parts = [checked.postgres, checked.machine or "the machine is not known"]
    parts.append(f"{len(trials)} statements, {each} trials of each in {format_seconds(checked.seconds)}")
    yield " · ".join(parts)
    headers = ["gate", "setting", "trials", "wrong", "at most", "undecided", "sees"]
    yield from ("", *table(headers, [_row(one) for one in checked.tries], right=range(2, 7)))
    yield from ("", *_chosen(checked.tries))
    wrong = Counter[str]()
    for one in checked.tries:
        wrong.update(one.by)
    yield from _listed("wrong most often", [(str(number), name) for name, number in wrong.most_common(_SHOWN)])
    yield from _listed("not replayed", [(why, name) for name, why in checked.replayed.why.items()])
    if checked.replayed.no_cpu:
        yield f"\ncpu.per_call was not tried: {checked.replayed.no_cpu}"


def _row(one: Tried) -> list[str]:
    sees = "nothing" if one.sees is None else f"+{format_measure(one.sees, '%')}"
    shares = [format_measure(share, "%") for share in (one.upper, one.undecided / one.n)]
    star = " *" if one.gate.usual else ""
    return [one.gate.key, one.gate.setting + star, format_count(one.n), format_count(one.wrong), *shares, sees]


def _chosen(tries: Sequence[Tried]) -> Iterator[str]:
    yield "* the usual setting; at most: of all runs, with 95 % confidence; sees: in 95 of 100 trials"
    yield ""
    for key, one in chosen(tries).items():
        if one is None:
            yield f"choose   {key:<17} none of these settings: {_why([one for one in tries if one.gate.key == key])}"
        else:
            sees = format_measure(one.sees or 0, "%")
            held = f"wrong in none of {format_count(one.n)} trials, at most {format_measure(one.upper, '%')}"
            yield f"choose   {key:<17} {one.gate.setting}: {held}; the smallest slowdown it sees is {sees}"


def _why(tries: Sequence[Tried]) -> str:
    if all(one.wrong for one in tries):
        return "each was wrong"
    if any(one.wrong for one in tries):
        return "each was wrong, or saw nothing"
    undecided = format_measure(min(one.undecided / one.n for one in tries), "%")
    return f"none was wrong, and none sees anything here; {undecided} undecided at the least"


def _listed(title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield from ("", title)
        yield from (f"  {line}" for line in columns([(words, one_line(name, _WIDTH)) for words, name in rows[:_SHOWN]]))
        yield from [f"  and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else []


def _document(checked: Checked) -> dict[str, Any]:
    trials = checked.replayed.trials
    return {
        "postgres": checked.postgres,
        "machine": checked.machine,
        "seconds": round(checked.seconds, 3),
        "statements": [
            {"test": one.test, "budget": one.budget, "sql": one.statement.sql, "trials": len(trials[one.name])}
            for one in checked.sent
            if one.name in trials
        ],
        "gates": [_gate(one) for one in checked.tries],
        "choose": {key: one and one.gate.setting for key, one in chosen(checked.tries).items()},
        "skipped": checked.replayed.why,
        "cpu": checked.replayed.no_cpu,
    }


def _gate(one: Tried) -> dict[str, Any]:
    return {
        "key": one.gate.key,
        "setting": one.gate.setting,
        "usual": one.gate.usual,
        "trials": one.n,
        "wrong": one.wrong,
        "wrong_at_most": round(one.upper, 5),
        "undecided": one.undecided,
        "sees": one.sees,
        "by": dict(one.by),
    }
