"""What PGTune's rules propose for a running server, beside what it runs: what changing it needs, and what it alters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres.profile import Setting
from pytest_perfbudget.postgres.profiles import ALTER_PLANS
from pytest_perfbudget.postgres.profiles.readback import Running, running

if TYPE_CHECKING:
    import psycopg

_FLAGS_SINCE = 15
_FLAGGED = "select name from pg_settings where 'EXPLAIN' = any(pg_settings_get_flags(name)) and name = any(%s)"
_ENUMS = "select name, enumvals from pg_settings where vartype = 'enum' and name = any(%s)"
_STATISTICS = "default_statistics_target"
_NO_PLAN = ("effective_io_concurrency", "jit", "max_parallel_workers")
"""Flagged, as EXPLAIN shows them; but they act while a plan is executed and choose none."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One setting. ``now`` is None where this server does not know it, ``unfit`` says why it cannot be proposed.
    ``alters_plans`` is what the server says of it (15+), but for what only acts while a plan is executed."""

    setting: Setting
    now: Running | None
    alters_plans: bool
    unfit: str = ""

    @property
    def same(self) -> bool:
        """Whether the server runs it already."""
        return self.now is not None and self.now.is_(self.setting.value)

    @property
    def through_statistics(self) -> bool:
        """Whether it alters plans only after ANALYZE."""
        return self.setting.name == _STATISTICS

    @property
    def needs(self) -> str:
        """``restart``, ``reload``, or ``analyze`` where a reload alone changes nothing."""
        if self.through_statistics:
            return "analyze"
        return "restart" if self.now and self.now.context == "postmaster" else "reload"

    @property
    def replayed(self) -> bool:
        """Whether a session can plan with it: it alters plans, and not through the statistics."""
        return self.alters_plans and not self.same and not self.unfit and not self.through_statistics


def propose(connection: psycopg.Connection, settings: Sequence[Setting]) -> list[Proposal]:
    """Each setting beside what the server runs, in the order given."""
    names = [setting.name for setting in settings]
    major = connection.info.server_version // 10000
    found = running(connection, names)
    enums: dict[str, list[str]] = dict(connection.execute(_ENUMS, [names]).fetchall())
    flagged = _flagged(connection, names, major) | {_STATISTICS}
    return [
        Proposal(s, found.get(s.name), s.name in flagged, _unfit(s, found, enums, major))
        for s in (_fitting(one, enums) for one in settings if one.since <= major)
    ]


def _fitting(setting: Setting, enums: dict[str, list[str]]) -> Setting:
    """With the value that stands in for one the server was built without."""
    built = setting.value in enums.get(setting.name, (setting.value,))
    return setting if built or not setting.instead else replace(setting, value=setting.instead)


def _flagged(connection: psycopg.Connection, names: list[str], major: int) -> set[str]:
    if major < _FLAGS_SINCE:
        return set(ALTER_PLANS)
    return {name for (name,) in connection.execute(_FLAGGED, [names]).fetchall()} - set(_NO_PLAN)


def _unfit(setting: Setting, found: dict[str, Running], enums: dict[str, list[str]], major: int) -> str:
    if setting.name not in found:
        return f"PostgreSQL {major} does not know it"
    if setting.name in enums and setting.value not in enums[setting.name]:
        return f"this server was built without {setting.value}"
    return ""


def lines(proposals: Sequence[Proposal]) -> Iterator[str]:
    """What to type: ALTER SYSTEM for everything that is to change."""
    for one in proposals:
        if not one.same and not one.unfit:
            yield f"ALTER SYSTEM SET {one.setting.name} = '{one.setting.value}';"
