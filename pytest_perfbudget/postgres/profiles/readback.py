"""What the server really runs, against what the profile asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres.profile import Level, Profile, Setting
from pytest_perfbudget.postgres.profiles.values import canonical

if TYPE_CHECKING:
    import psycopg

_RUNNING = """
select name, setting, current_setting(name), coalesce(unit, ''), vartype, context, source, pending_restart
from pg_settings where name = any(%s)"""
_SUPERUSER = "select rolsuper from pg_roles where rolname = current_user"
_OF_THE_SERVER = ("internal", "postmaster", "sighup")
_OF_A_SUPERUSER = ("superuser", "superuser-backend")


@dataclass(frozen=True, slots=True)
class Running:
    """One setting as pg_settings has it; ``shown`` is the value with its unit."""

    name: str
    value: str
    shown: str
    unit: str
    kind: str
    context: str
    source: str
    pending_restart: bool

    def is_(self, value: str) -> bool:
        """Whether ``value`` means what the server runs."""
        return canonical(value, self.kind, self.unit) == canonical(self.value, self.kind)


def running(connection: psycopg.Connection, names: list[str]) -> dict[str, Running]:
    """The settings of the connection's session that the server knows."""
    return {row[0]: Running(*row) for row in connection.execute(_RUNNING, [names]).fetchall()}


def levelled(connection: psycopg.Connection, profile: Profile, major: int) -> Profile:
    """The profile with each setting at the level this role can set it, on a server that somebody else started."""
    found = running(connection, [s.name for s in profile.of(major)])
    superuser = connection.execute(_SUPERUSER).fetchone() == (True,)
    return replace(profile, settings=tuple(_levelled(s, found.get(s.name), superuser) for s in profile.settings))


def _levelled(setting: Setting, found: Running | None, superuser: bool) -> Setting:
    if found is None:
        # An extension's own can be set before it is loaded; any other would be refused, and is a note instead.
        return replace(setting, level=Level.DATABASE if "." in setting.name else Level.SERVER)
    others = (*_OF_THE_SERVER, *(() if superuser else _OF_A_SUPERUSER))
    return replace(setting, level=Level.SERVER if found.context in others else Level.DATABASE)


def differences(connection: psycopg.Connection, profile: Profile, major: int) -> tuple[str, ...]:
    """The settings of the profile that this session does not run with, each in words."""
    wanted = {s.name: s for s in profile.of(major)}
    found = running(connection, list(wanted))
    notes = []
    for name, setting in wanted.items():
        if name not in found:
            notes.append(f"{name} is not a setting of this server, the profile {profile.name} names it")
        elif not found[name].is_(setting.value):
            notes.append(f"{name} is {found[name].shown}, not {setting.value}: {setting.why}")
    return tuple(notes)
