"""Profiles by name: the two deterministic ones, those PGTune's rules give for a machine, and the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Level, Profile, Setting
from pytest_perfbudget.postgres.profiles.machine import Machine
from pytest_perfbudget.postgres.profiles.pgtune import Use, tune

PARALLEL = DETERMINISTIC.with_settings(
    "deterministic-parallel",
    Setting("max_parallel_workers_per_gather", "2", "PostgreSQL's default: plans may ask for workers"),
    Setting("max_worker_processes", "64", "a worker a plan asks for is always to be had", Level.SERVER),
    Setting("max_parallel_workers", "64", "a worker a plan asks for is always to be had"),
    Setting("parallel_leader_participation", "off", "whether it still finds rows is a race, counted by a block or two"),
)
"""Plans may be parallel, and the workers they ask for are always there. Rows are counted exactly. So are blocks, but
for one more or less where workers share an index, and but for a LIMIT that ends workers early: then each has read as
far as it came."""

ALTER_PLANS = frozenset(
    (
        "effective_cache_size", "work_mem", "random_page_cost", "default_statistics_target",
        "max_parallel_workers_per_gather",
    )
)  # fmt: skip
"""What of PGTune's settings decides between plans; a test takes over no other, as they alter speed only."""

BUILTIN = ("deterministic", "deterministic-parallel", *Use)

_NEEDS_MACHINE = 'say for which machine: machine = { memory = "32 GB", cores = 8 } in [tool.perfbudget]'


def named(name: str, machine: Machine | None, own: Mapping[str, Any]) -> Profile:
    """The profile of that name; ``own`` is ``[tool.perfbudget.profiles]``.

    Raises:
        SettingsError: there is none of this name; it is computed from a machine, and none is named; a table of the
            user's cannot be used.
    """
    if name in own:
        return _own(name, machine, own, ())
    return _builtin(name, machine, own)


def _builtin(name: str, machine: Machine | None, own: Mapping[str, Any]) -> Profile:
    for profile in (DETERMINISTIC, PARALLEL):
        if profile.name == name:
            return profile
    if name not in list(Use):
        raise SettingsError(f"profile {name} is not known", remedy=f"give {', '.join([*BUILTIN, *own])}")
    if machine is None:
        raise SettingsError(f"profile {name} is computed from a machine, and none is named", remedy=_NEEDS_MACHINE)
    computed = (s for s in tune(Use(name), machine) if s.name in ALTER_PLANS)
    return PARALLEL.with_settings(name, *computed)


def _own(name: str, machine: Machine | None, own: Mapping[str, Any], below: tuple[str, ...]) -> Profile:
    """``extends`` names another profile, by default ``deterministic``; ``settings`` are laid over it."""
    table, where = own[name], f"profile {name}"
    if not isinstance(table, dict):
        raise SettingsError(f"{where} is not a table", remedy=f"write [tool.perfbudget.profiles.{name}]")
    for key in table:
        if key not in ("extends", "settings"):
            raise SettingsError(f"{where}: {key} is not a key of a profile", remedy="keys: extends, settings")
    if name in below:
        raise SettingsError(f"{where} extends itself: {' → '.join([*below, name])}")
    origin = str(table.get("extends", DETERMINISTIC.name))
    mine = origin in own and origin != name  # one that is called as a built-in profile may extend that
    base = _own(origin, machine, own, (*below, name)) if mine else _builtin(origin, machine, own)
    return base.with_settings(name, *(_setting(where, key, value) for key, value in _settings(table, where).items()))


def _settings(table: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    settings = table.get("settings", {})
    if not isinstance(settings, dict):
        raise SettingsError(f"{where}: settings is not a table", remedy='write settings = { work_mem = "64MB" }')
    return settings


def _setting(where: str, name: str, value: object) -> Setting:
    if isinstance(value, bool):
        value = "on" if value else "off"
    if not isinstance(value, str | int | float):
        raise SettingsError(f"{where}: {name} is neither a text nor a number", remedy=f'write {name} = "…"')
    return Setting(name, str(value), f"set by {where}", Level.of(name))
