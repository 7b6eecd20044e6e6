"""Show what PGTune's rules would set on a server, why, and which of the suite's plans would change.

Every setting is printed as it is now and as proposed, with its reason, whether it needs a restart, and whether it
alters plans or speed only. Then the statements of the recorded baselines are planned on the DSN's database, under the
settings of now and under those proposed, set for one session: nothing is executed, nothing is written. Parameters are
not recorded, so plans are generic. Exit 1 if a plan changes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pytest_perfbudget.cli.replanned import Planned, Replanned, recorded, replan
from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.plans.diff import diff
from pytest_perfbudget.postgres.conninfo import connect
from pytest_perfbudget.postgres.profiles.found import Said, machine_of
from pytest_perfbudget.postgres.profiles.machine import Disk, Machine, size
from pytest_perfbudget.postgres.profiles.pgtune import Use, tune
from pytest_perfbudget.postgres.profiles.proposal import Proposal, lines, propose
from pytest_perfbudget.report.tables import table
from pytest_perfbudget.statements import one_line
from pytest_perfbudget.units import format_bytes, format_count

_READ_ONLY = "-c default_transaction_read_only=on"
_WIDTH = 90  # characters of a statement that are shown


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dsn", metavar="DSN", help="the server, with the database whose plans are compared")
    parser.add_argument("--profile", choices=[*Use], default=Use.WEB, help="what the server is for; default: web")
    parser.add_argument("--memory", metavar="SIZE", type=_size, help="such as '32 GB'; needed where it is elsewhere")
    parser.add_argument("--cores", metavar="N", type=_count, help="needed where it is elsewhere")
    parser.add_argument("--disk", choices=[*Disk], help="default: what the data folder is on, else ssd")
    parser.add_argument("--connections", metavar="N", type=_count, help="default: what the profile is known to need")
    parser.add_argument("--database", metavar="SIZE", type=_size, help="default: all databases as they are")
    parser.add_argument("--budgets", metavar="DIR", type=Path, default=Path("budgets"), help="default: budgets")
    parser.add_argument("--sql", action="store_true", help="print ALTER SYSTEM commands instead")
    parser.add_argument("--json", action="store_true", help="machine, settings and plans as JSON")


def _size(text: str) -> int:
    try:
        return size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: write '512 MB', '32 GB'") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of 1 or more")
    return int(text)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What there is to say. ``baselines`` is the folder the statements are from, None where nothing is recorded."""

    profile: str
    version: str
    machine: Machine
    proposals: Sequence[Proposal]
    plans: Sequence[Replanned]
    baselines: Path | None


def run(arguments: argparse.Namespace) -> int:
    if arguments.sql and arguments.json:
        raise SettingsError("--sql and --json: give one of them")
    tuned = _tuned(arguments)
    if arguments.sql:
        print("\n".join(lines(tuned.proposals)))
        return 0
    if arguments.json:
        print(json.dumps(_document(tuned), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_text(tuned)))
    return int(any(one.changed for one in tuned.plans))


def _tuned(arguments: argparse.Namespace) -> Tuned:
    disk = Disk(arguments.disk) if arguments.disk else None
    said = Said(arguments.memory, arguments.cores, disk, arguments.connections, arguments.database)
    with connect(arguments.dsn, options=_READ_ONLY) as connection:
        machine = machine_of(connection, said)
        proposals = propose(connection, tune(Use(arguments.profile), machine))
        version = connection.info.parameter_status("server_version") or ""
        baselines, statements = recorded(arguments.budgets, connection.info.server_version // 10000)
        settings = {one.setting.name: one.setting.value for one in proposals if one.replayed}
        plans = replan(connection, statements, settings)
    return Tuned(str(arguments.profile), version, machine, proposals, plans, baselines)


def _text(tuned: Tuned) -> Iterator[str]:
    yield f"PostgreSQL {tuned.version} for {tuned.profile} on {_described(tuned.machine)}"
    changes = [one for one in tuned.proposals if not one.same and not one.unfit]
    if changes:
        rows = [_row(one) for one in sorted(changes, key=lambda one: not one.alters_plans)]
        yield from ("", *table(["setting", "now", "proposed", "needs", "alters", "why"], rows))
    same = [one.setting.name for one in tuned.proposals if one.same]
    yield from [f"\nas proposed already: {', '.join(same)}"] if same else []
    yield from (f"not proposed: {one.setting.name} ({one.unfit})" for one in tuned.proposals if one.unfit)
    yield from _plans(tuned)


def _described(machine: Machine) -> str:
    parts = [format_bytes(machine.memory), f"{machine.cores} cores", machine.disk]
    parts += [f"{machine.connections} connections"] if machine.connections else []
    parts += [f"databases of {format_bytes(machine.database)}"] if machine.database else []
    return ", ".join(parts)


def _row(one: Proposal) -> list[str]:
    alters = "plans" if one.alters_plans else "speed"
    now = one.now.shown if one.now else ""
    return [one.setting.name, now, one.setting.value, one.needs, alters, one.setting.why]


def _plans(tuned: Tuned) -> Iterator[str]:
    if tuned.baselines is None:
        yield "\nno plans compared: no baseline is recorded (pytest --perf-update; --budgets DIR names their folder)"
        return
    changed = [one for one in tuned.plans if one.changed]
    failed = [one for one in tuned.plans if one.now.failed]
    count = f"{len(changed)} of {len(tuned.plans) - len(failed)} statements of {tuned.baselines}"
    yield f"\n{count} would be planned otherwise (generic plans, nothing was executed)"
    for one in changed:
        yield from ("", f"{one.statement.budget}  {one_line(one.statement.sql, _WIDTH)}", f"  {_moved(one)}")
        if one.now.tree != one.then.tree:
            yield from (f"  {line}" for line in diff(one.now.tree, one.then.tree))
    if any(one.through_statistics and not one.same for one in tuned.proposals):
        yield "\nwhat default_statistics_target alters shows only after ANALYZE"
    if failed:
        reasons = sorted({one.now.failed for one in failed})
        yield f"\n{len(failed)} could not be planned on this database: {'; '.join(reasons[:3])}"


def _moved(one: Replanned) -> str:
    parts = [f"cost {format_count(one.now.cost)} → {format_count(one.then.cost)}"]
    if one.now.workers != one.then.workers:
        parts.append(f"workers {one.now.workers} → {one.then.workers}")
    return ", ".join(parts)


def _document(tuned: Tuned) -> dict[str, Any]:
    changed = [one for one in tuned.plans if one.changed]
    return {
        "postgres": tuned.version,
        "profile": tuned.profile,
        "machine": asdict(tuned.machine),
        "settings": [_setting(one) for one in tuned.proposals],
        "plans": {
            "baselines": tuned.baselines and tuned.baselines.as_posix(),
            "statements": len(tuned.plans),
            "changed": [
                {**asdict(one.statement), "now": _plan(one.now), "proposed": _plan(one.then)} for one in changed
            ],
            "unplanned": [{**asdict(one.statement), "why": one.now.failed} for one in tuned.plans if one.now.failed],
        },
    }


def _setting(one: Proposal) -> dict[str, Any]:
    return {
        "name": one.setting.name,
        "now": one.now.shown if one.now else None,
        "proposed": None if one.unfit else one.setting.value,
        "same": one.same,
        "needs": one.needs,
        "alters_plans": one.alters_plans,
        "why": one.unfit or one.setting.why,
    }


def _plan(planned: Planned) -> dict[str, Any]:
    return {"tree": list(planned.tree), "cost": planned.cost, "workers": planned.workers}
