"""Templates: a seed's database, built once, sealed, and cloned by every run that has the same seed."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres import markers
from pytest_perfbudget.postgres.locales import locale_clause
from pytest_perfbudget.postgres.markers import BUILDING, PREFIX, TEMPLATE, Marker, drop, key, ours, quoted
from pytest_perfbudget.postgres.prepare import prepare
from pytest_perfbudget.postgres.profile import Level, in_sql
from pytest_perfbudget.postgres.seeders import Target
from pytest_perfbudget.postgres.sequences import sequence_state
from pytest_perfbudget.postgres.server import Progress, Server, silent

if TYPE_CHECKING:
    import psycopg

    from pytest_perfbudget.postgres.seed import Seed

_FORMAT = 2
"""Of templates: raised whenever building or preparing changes, so that none made before is used."""

_KEPT = 10
_STAYED = "the seeded template was not built anew: another run is using it"
_STRATEGY_SINCE = 15
_CLONE_SINCE = 18
_END_SESSIONS = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s"
_SETTINGS = """
select r.rolname, cfg from pg_db_role_setting s
join pg_database d on d.oid = s.setdatabase left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) cfg
where d.datname = %s order by 1 nulls first, 2"""


@dataclass(frozen=True, slots=True)
class Template:
    """A sealed database. ``sequences`` is the state clones begin with; ``settings`` are (role, name=value) that
    the seed gave it by ALTER DATABASE or ALTER ROLE … IN DATABASE, which CREATE DATABASE does not copy."""

    name: str
    hash: str
    notes: tuple[str, ...]
    sequences: str
    settings: tuple[tuple[str | None, str], ...]
    built: bool = False


def base(server: Server) -> str:
    """Everything besides the seed that makes a template what it is."""
    digest = server.profile.digest(server.major)
    return f"format {_FORMAT}, PostgreSQL {server.major}, {server.profile.name} {digest}, locale {server.locale}"


def _hashes(server: Server, seed: Seed) -> tuple[str, ...]:
    """On a server of somebody else each role has templates of its own."""
    return seed.hashes(base(server) if server.throwaway else f"{base(server)}, owner {server.admin.info.user}")


def ensure(server: Server, seed: Seed, progress: Progress = silent, *, anew: bool = False) -> Template:
    """The template of ``seed``: the one that is there, else built, from the longest part of it that is there.

    ``anew`` takes none of them that another run has built, but for a template that another living run uses: that one
    stays, with a note. Workers of one run wait for the one that builds; runs of their own never wait for each other.

    Raises:
        SeedError: a step fails; nothing of it is left behind.
    """
    admin = server.admin
    hashes = _hashes(server, seed)
    name = _name(hashes[-1])
    admin.execute("select pg_advisory_lock(%s)", [key(f"build {server.run} {hashes[-1]}")])
    try:
        # No sibling has the template's own lock before it was here: who holds it is another run.
        stayed = anew and _of_others(server, name) and not _drop_unused(admin, name)
        admin.execute("select pg_advisory_lock_shared(%s)", [key(name)])
        built = name not in _sealed(admin)
        if built:
            _build(server, seed, hashes, progress, anew=anew)
            _forget_oldest(server, keep=name)
    finally:
        if not admin.closed:
            admin.execute("select pg_advisory_unlock(%s)", [key(f"build {server.run} {hashes[-1]}")])
    marker = _sealed(admin)[name]
    if not built:
        _touch(admin, name, marker)
    notes = (*seed.notes, *marker.notes, *([_STAYED] if stayed else []))
    return Template(name, hashes[-1], notes, marker.state, _settings(admin, name), built)


def attach(server: Server, digest: str) -> Template | None:
    """The template of that hash, which another process of the run has built, and which stays from now on; None where it
    is gone."""
    admin, name = server.admin, _name(digest)
    admin.execute("select pg_advisory_lock_shared(%s)", [key(name)])
    marker = _sealed(admin).get(name)
    return Template(name, digest, marker.notes, marker.state, _settings(admin, name)) if marker else None


def _settings(admin: psycopg.Connection, name: str) -> tuple[tuple[str | None, str], ...]:
    return tuple(admin.execute(_SETTINGS, [name]).fetchall())


def _of_others(server: Server, name: str) -> bool:
    """Whether the template is there, and not of this run."""
    marker = _sealed(server.admin).get(name)
    return marker is not None and marker.run != server.run


def _drop_unused(admin: psycopg.Connection, name: str) -> bool:
    """Drop a template nobody uses: neither we, to whom any lock is granted, nor somebody who begins to right now."""
    if key(name) in markers.held_keys(admin):
        return False
    if admin.execute("select pg_try_advisory_lock(%s)", [key(name)]).fetchone() != (True,):
        return False
    try:
        return drop(admin, name)
    finally:
        admin.execute("select pg_advisory_unlock(%s)", [key(name)])


def _name(digest: str) -> str:
    return f"{PREFIX}t_{digest[:12]}"


def _sealed(admin: psycopg.Connection) -> dict[str, Marker]:
    return {d.name: d.marker for d in ours(admin) if d.marker.kind == TEMPLATE}


def _build(server: Server, seed: Seed, hashes: tuple[str, ...], progress: Progress, *, anew: bool) -> None:
    """In a database of another name, which gets its own when it is complete."""
    admin = server.admin
    there = {name for name, marker in _sealed(admin).items() if not anew or marker.run == server.run}
    done = max((i for i, digest in enumerate(hashes) if i and _name(digest) in there), default=0)
    origin = _name(hashes[done]) if done or seed.after else None
    building = f"{PREFIX}b_{hashes[-1][:12]}_{secrets.token_hex(4)}"
    for spare in markers.spares(admin):
        if spare.marker.hash == hashes[-1]:
            drop(admin, spare.name)  # of a template of that hash that is gone
    try:
        _begin(server, building, origin)
        notes = _fill(server, seed, done, building, progress)
        _seal(server, building, hashes[-1], notes, seed.summary)
    except BaseException:
        if not admin.closed:
            drop(admin, building)
        raise


def _begin(server: Server, building: str, origin: str | None) -> None:
    source = quoted(origin) if origin else f"template0 {locale_clause(server)}"
    create(server.admin, building, source, Marker(BUILDING, server.run))
    if not server.throwaway:
        settings = server.profile.of(server.major, Level.DATABASE)
        server.admin.execute(";".join(f"ALTER DATABASE {quoted(building)} SET {in_sql(s)}" for s in settings))


def _fill(server: Server, seed: Seed, done: int, building: str, progress: Progress) -> tuple[str, ...]:
    """Run and prepare step by step: what the pages look like must not depend on where the building began."""
    notes: tuple[str, ...] = ()
    steps = seed.steps[done:]
    for number, step in enumerate(steps, done + 1):
        what = f"seeding {number} of {len(seed.steps)}: {step.name}"
        with progress(what) as advance, server.connect(building) as connection:
            step.run(Target(connection, server.dsn(building), advance))
        with progress(f"analysing after {step.name}"), server.connect(building) as connection:
            notes = prepare(connection)
    if not seed.steps:
        with server.connect(building) as connection:
            notes = prepare(connection)
    return notes


def _seal(server: Server, building: str, digest: str, notes: tuple[str, ...], summary: str) -> None:
    """The rename decides between two builders: the second drops its own."""
    import psycopg

    admin, name = server.admin, _name(digest)
    with server.connect(building) as connection:
        state = sequence_state(connection)
    admin.execute(f"ALTER DATABASE {quoted(building)} ALLOW_CONNECTIONS false")
    admin.execute(_END_SESSIONS, [building])
    for setting in () if server.throwaway else server.profile.of(server.major, Level.DATABASE):
        admin.execute(f"ALTER DATABASE {quoted(building)} RESET {setting.name}")
    marker = Marker(TEMPLATE, server.run, digest, state=state, notes=notes, seed=summary)
    try:
        with admin.transaction():
            admin.execute(f"ALTER DATABASE {quoted(building)} RENAME TO {quoted(name)}")
            admin.execute(f"ALTER DATABASE {quoted(name)} IS_TEMPLATE true")
            admin.execute(marker.comment(name))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        drop(admin, building)


def _touch(admin: psycopg.Connection, name: str, marker: Marker) -> None:
    """Say that the template was used; if another worker says it at the same moment, once is enough."""
    import psycopg

    with contextlib.suppress(psycopg.errors.InternalError_, psycopg.errors.UniqueViolation):
        admin.execute(marker.comment(name))


def _forget_oldest(server: Server, keep: str) -> None:
    """Keep ten templates; those in use by anybody are never dropped."""
    sealed = sorted(_sealed(server.admin).items(), key=lambda item: item[1].used)
    excess = len(sealed) - _KEPT
    for name in (name for name, _ in sealed if name != keep):
        if excess > 0 and _drop_unused(server.admin, name):
            excess -= 1


def create(admin: psycopg.Connection, name: str, source: str, marker: Marker) -> None:
    """CREATE DATABASE by copying files, and its marker, sent together: were we killed now, both would be done.

    18 can have the kernel copy, or on some file systems share, the blocks; where it cannot, the server copies.
    """
    import psycopg

    major = admin.info.server_version // 10000
    strategy = " STRATEGY FILE_COPY" if major >= _STRATEGY_SINCE else ""
    commands = [f"CREATE DATABASE {quoted(name)} TEMPLATE {source}{strategy}", marker.comment(name)]
    if major < _CLONE_SINCE:
        return _in_one_turn(admin, commands)
    try:
        _in_one_turn(admin, ["SET file_copy_method = clone", *commands])
    except (psycopg.errors.InternalError_, psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidParameterValue):
        _in_one_turn(admin, ["SET file_copy_method = copy", *commands])
    return None


def _in_one_turn(admin: psycopg.Connection, commands: list[str]) -> None:
    """Each in a transaction of its own, in one round trip."""
    with admin.pipeline() as pipeline:
        for command in commands:
            admin.execute(command)
            pipeline.sync()
