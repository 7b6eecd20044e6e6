from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import start

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres import Server, catalogue, clones, stamp
from pytest_perfbudget.postgres.clones import Clone, clone, drop
from pytest_perfbudget.postgres.markers import ours
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.server import silent
from pytest_perfbudget.postgres.templates import base, ensure

Cloned = Callable[[str], Clone]
BIG = """
create table big (id int primary key, half int);
insert into big select g, g % 500 from generate_series(1, 60000) g;"""

STATISTICS = """
select md5(string_agg(concat(staattnum, stadistinct, stanumbers1, stanumbers2, stavalues1, stavalues2), ''
                      order by staattnum))
from pg_statistic join pg_class c on c.oid = starelid where relname = 'big'"""


def names(server: Server) -> set[str]:
    return {name for (name,) in server.admin.execute("select datname from pg_database")}


def test_the_same_seed_is_built_once_and_another_anew(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "a.sql"
    file.write_text("create table once (id int)")
    seed = Seed.of(["a.sql"], tmp_path)
    first, second = ensure(server, seed), ensure(server, seed)
    file.write_text("create table twice (id int)")
    third = ensure(server, seed)
    assert (first.built, second.built, third.built) == (True, False, True)
    assert first.name == second.name != third.name


def test_a_file_added_at_the_end_is_the_only_one_that_runs(server: Server, tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("create table first_step as select clock_timestamp() as at")
    (tmp_path / "2.sql").write_text("create table second_step (id int)")
    short = clone(server, ensure(server, Seed.of(["1.sql"], tmp_path)), "perfbudget_short")
    long = clone(server, ensure(server, Seed.of(["1.sql", "2.sql"], tmp_path)), "perfbudget_long")
    times = []
    for each in (short, long):
        with server.connect(each.name) as connection:
            times.append(connection.execute("select at from first_step").fetchone())
            found = catalogue.tables(connection)
        drop(server, each.name)
    assert times[0] == times[1]
    assert {"second_step", "public.second_step"} <= found


def test_built_anew_every_step_runs_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("create table stepped as select 1 as step")
    (tmp_path / "2.sql").write_text("insert into stepped values (2)")
    for names in (["1.sql"], ["1.sql", "2.sql"]):
        ensure(server, Seed.of(names, tmp_path))
    server.admin.execute("select pg_advisory_unlock_all()")
    later = replace(server, run="later")  # type: ignore[type-var]
    done: list[str] = []

    def progress(what: str) -> AbstractContextManager[Any]:
        done.append(what)
        return silent(what)

    assert ensure(later, Seed.of(["1.sql", "2.sql"], tmp_path), progress, anew=True).built
    assert [what for what in done if what.startswith("seeding 1 of 2")]


def test_a_template_cannot_be_changed_and_stays_after_the_run(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("create table kept (id int)")
    seed = Seed.of(["a.sql"], tmp_path)
    first = start(cache=str(cache))
    template = ensure(first, seed)
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(first.dsn(template.name))
    clone(first, template, "perfbudget_left_over")
    first.close()
    second = start(cache=str(cache))
    left, again = names(second), ensure(second, seed)
    second.close()
    assert "perfbudget_left_over" not in left
    assert not again.built


@pytest.mark.parametrize(
    ("sql", "line", "words"),
    [
        ("select 1;\n\nselect nothing from nowhere;", 3, 'relation "nowhere" does not exist'),
        (
            "create table t (id int primary key);\n-- é\ninsert into t\nselect 1 from generate_series(1, 2);",
            3,
            "duplicate key",
        ),
        ("select 1;\n\\copy t from 'x'", 2, "psql command"),
        (
            "create table t (id int);\ncopy t from stdin;\n1\n\\.\nselect 1;\ncopy t from stdin;\n1\nx\n\\.\n",
            8,
            "integer",
        ),
        ("create table t (id int);\ncopy t from stdin;\n1\n\\.\n\nselect nothing;", 6, "nothing"),
        ("create table t (id int); copy t to stdout;", 1, "COPY from or to a client"),
        ("\\restrict key\nselect 1;\n\\connect other", 3, "without --create"),
        ("create table t (id int);\nalter table t owner to nobody_here;", 2, "--no-owner"),
        ("select 1;\nvacuum;", 2, "VACUUM"),
        ("select 1;\nselect '\0';", 2, "NUL"),
    ],
)
def test_a_seed_that_fails_names_its_line_and_leaves_nothing(
    server: Server, tmp_path: Path, sql: str, line: int, words: str
) -> None:
    before = names(server)
    (tmp_path / "bad.sql").write_text(sql)
    with pytest.raises(SeedError, match=words) as caught:
        ensure(server, Seed.of(["bad.sql"], tmp_path))
    assert caught.value.at is not None
    assert (Path(caught.value.at.file).name, caught.value.at.line) == ("bad.sql", line)
    assert names(server) == before


def test_a_callable_gets_the_dsn_and_its_failure_is_where_the_user_wrote_it(server: Server, tmp_path: Path) -> None:
    (tmp_path / "pb_seed_module.py").write_text(
        "import psycopg\ndef fill(dsn):\n    with psycopg.connect(dsn) as c: c.execute('create table filled ()')\n"
        "def fail(dsn):\n    raise ValueError('no rows')\n"
    )
    made = clone(server, ensure(server, Seed.of(["pb_seed_module:fill"], tmp_path)), "perfbudget_filled")
    with server.connect(made.name) as connection:
        assert "filled" in catalogue.tables(connection)
    drop(server, made.name)
    with pytest.raises(SeedError, match="no rows") as caught:
        ensure(server, Seed.of(["pb_seed_module:fail"], tmp_path))
    assert str(caught.value.at).endswith("pb_seed_module.py:5")
    with pytest.raises(SeedError, match="has no function nothing"):
        ensure(server, Seed.of(["pb_seed_module:nothing"], tmp_path))
    with pytest.raises(SeedError, match="module nowhere is not found"):
        ensure(server, Seed.of(["nowhere:fill"], tmp_path))


def test_the_hash_chains_over_contents_and_conditions(tmp_path: Path, server: Server) -> None:
    (tmp_path / "a.sql").write_text("select 1")
    (tmp_path / "b.sql").write_text("select 2")
    one, both = Seed.of(["a.sql"], tmp_path), Seed.of(["a.sql", "b.sql"], tmp_path)
    turned = Seed.of(["b.sql", "a.sql"], tmp_path)
    assert both.hashes("x")[:2] == one.hashes("x")
    assert both.hash("x") != turned.hash("x") != one.hash("x")
    assert both.hash("x") != both.hash("y")
    assert "PostgreSQL 18" in base(server)


def test_every_statement_of_the_application_sends_its_plan_and_ours_do_not(server: Server, cloned: Cloned) -> None:
    used = cloned("create table t as select 1 as id")
    assert used.captures
    seen: list[str] = []
    with psycopg.connect(server.dsn(used.name)) as application, server.connect(used.name) as own:
        for connection in (application, own):
            connection.add_notice_handler(lambda d, who=connection: seen.append(f"{who is own} {d.message_primary}"))
            connection.execute("select id from t")
    assert len(seen) == 1
    assert seen[0].startswith("False")
    assert '"Node Type": "Seq Scan"' in seen[0]


def test_settings_the_seed_gave_its_database_reach_the_clone(server: Server, cloned: Cloned) -> None:
    used = cloned(
        'create schema "App";'
        "do $$ begin execute format('alter database %I set search_path = \"App\", public', current_database()); "
        "execute format('alter database %I set my.word = %L', current_database(), 'it''s \\ here'); end $$"
    )
    with psycopg.connect(server.dsn(used.name)) as connection:
        assert connection.execute("show search_path").fetchone() == ('"App", public',)
        assert connection.execute("show my.word").fetchone() == ("it's \\ here",)


def test_statistics_are_the_same_each_time_and_only_one_column_is_finer(server: Server, tmp_path: Path) -> None:
    found = []
    for number in range(2):
        (tmp_path / "a.sql").write_text(f"{BIG} -- {number}")
        made = clone(server, ensure(server, Seed.of(["a.sql"], tmp_path)), "perfbudget_stats")
        with server.connect(made.name) as connection:
            found.append(connection.execute(STATISTICS).fetchone())
            targets = connection.execute(
                "select attname, attstattarget from pg_attribute where attrelid = 'big'::regclass and attnum > 0"
            ).fetchall()
            visible = connection.execute(
                "select relallvisible = relpages from pg_class where relname = 'big'"
            ).fetchone()
        drop(server, made.name)
    assert found[0] == found[1]
    assert sorted(targets) == [("half", None), ("id", 220)]
    assert visible == (True,)


def test_only_ten_templates_are_kept_and_never_one_in_use(cache: Path, tmp_path: Path) -> None:
    server = start(cache=str(cache))
    made = []
    for number in range(12):
        (tmp_path / "a.sql").write_text(f"select {number}")
        made.append(ensure(server, Seed.of(["a.sql"], tmp_path)).name)
    in_use = names(server)
    server.close()
    again = start(cache=str(cache))
    (tmp_path / "a.sql").write_text("select 12")
    ensure(again, Seed.of(["a.sql"], tmp_path))
    kept = {d.name for d in ours(again.admin)}
    again.close()
    assert set(made) <= in_use
    assert len(kept) == 10
    assert made[-1] in kept


def test_the_stamp_says_what_decides_plans_and_follows_the_schema(server: Server, cloned: Cloned) -> None:
    used = cloned("create table t (id int primary key); create view v as select * from t")
    seed = Seed()
    with server.connect(used.name) as connection:
        before = stamp.environment(connection, server, seed)
        connection.execute("drop index if exists none; create index extra on t (id)")
        index = stamp.environment(connection, server, seed)
        connection.execute("alter table t add column word text")
        after = stamp.environment(connection, server, seed)
        pages = catalogue.pages(connection)
    assert (before.major, before.profile, before.server) == (18, "deterministic", "embedded")
    assert before.locale == "C.UTF-8 (builtin)"
    assert before.settings["max_parallel_workers_per_gather"] == "0"
    assert before.schema == index.schema != after.schema
    assert set(index.indexes) - set(before.indexes) == {"extra"}
    assert pages["t"] == pages["public.t"] == 0


def test_the_profile_is_what_the_server_runs(server: Server) -> None:
    wanted = {s.name: s.value for s in server.profile.of(server.major)}
    found = dict(server.admin.execute("select name, setting from pg_settings where name = any(%s)", [list(wanted)]))
    assert found == wanted
    assert clones.capture(18)["auto_explain.log_level"] == "info"
