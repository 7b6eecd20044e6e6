"""Every kind of seed: built once, again when its contents change, and nothing left where it fails."""

import gzip
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres import Server, seed_sql
from pytest_perfbudget.postgres.clones import Clone, clone, drop
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.seeders import BUILTIN, Project, Target, archive
from pytest_perfbudget.postgres.seeders.command import Command
from pytest_perfbudget.postgres.templates import ensure

TABLE = "create table orders (id int primary key, word text, at date)"
SHOP = rf"""{TABLE};
create index on orders (word);
insert into orders
select g, case g % 3 when 0 then null when 1 then E'a\tb\\' else ';' || g end, '2026-01-01'
from generate_series(1, 2000) g;
create function twice(int) returns int language sql as $$ select $1 * 2; $$;
create view late as select * from orders where id > 1990;"""

Rows = Callable[..., list[tuple[Any, ...]]]


def names(server: Server) -> set[str]:
    return {name for (name,) in server.admin.execute("select datname from pg_database")}


def seed_of(folder: Path, *entries: Any) -> Seed:
    return Seed.of(entries, folder)


@pytest.fixture
def rows(server: Server, tmp_path: Path) -> Rows:
    """The rows of a query in a database seeded with one entry, by default after the table ``orders``."""
    (tmp_path / "table.sql").write_text(TABLE)

    def query(entry: Any, sql: str, *first: str) -> list[tuple[Any, ...]]:
        template = ensure(server, seed_of(tmp_path, *first, entry))
        made = clone(server, template, "perfbudget_seeders")
        try:
            with server.connect(made.name) as connection:
                return connection.execute(sql).fetchall()
        finally:
            drop(server, made.name)

    return query


@pytest.fixture
def programs() -> Path:
    found = archive.pg_restore()
    assert found
    return Path(found).parent


@pytest.fixture
def shop(server: Server, cloned: Callable[[str], Clone]) -> str:
    return cloned(SHOP).name


def dump(programs: Path, server: Server, database: str, *arguments: str) -> bytes:
    command = [programs / "pg_dump", "--dbname", server.dsn(database), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def before(folder: Path) -> None:
    (folder / "table.sql").write_text(TABLE)
    (folder / "more.sql").write_text("insert into orders values (1, 'a')")
    (folder / "more.sql.gz").write_bytes(gzip.compress(b"insert into orders values (1)"))
    (folder / "o.csv").write_text("id,word\n1,a\n")
    (folder / "fill.py").write_text("print(1)")
    (folder / "pb_change.py").write_text("def fill(dsn): pass")


# Each kind: an entry, and the file of it that changes.
KINDS: dict[str, tuple[Any, str, bytes]] = {
    "sql": ("more.sql", "more.sql", b"insert into orders values (2, 'b')"),
    "sql.gz": ("more.sql.gz", "more.sql.gz", gzip.compress(b"insert into orders values (2)")),
    "csv": ({"csv": "o.csv", "table": "orders"}, "o.csv", b"id,word\n2,b\n"),
    "run": ({"run": "python3 fill.py >&2", "files": ["*.py"]}, "fill.py", b"print(2)"),
    "callable": ("pb_change:fill", "pb_change.py", b"def fill(dsn): 2"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_it_is_reused_and_changed_it_is_built_anew(server: Server, tmp_path: Path, kind: str) -> None:
    entry, file, contents = KINDS[kind]
    before(tmp_path)
    first = ensure(server, seed_of(tmp_path, "table.sql", entry))
    again = ensure(server, seed_of(tmp_path, "table.sql", entry))
    (tmp_path / file).write_bytes(contents)
    changed = ensure(server, seed_of(tmp_path, "table.sql", entry))
    assert (again.built, again.name) == (False, first.name)
    assert changed.built
    assert changed.name != first.name


CSV = {"csv": "o.csv", "table": "orders"}


@pytest.mark.parametrize(
    ("entry", "files", "words"),
    [
        ({"run": "echo one; echo two >&2; exit 3"}, {}, ["exit code 3", "one", "two"]),
        ({"run": "kill -9 $$"}, {}, ["killed by SIGKILL", "it printed nothing"]),
        ({"run": "true", "files": ["no/*.py"]}, {}, ["declares no/*.py", "no such file"]),
        (CSV, {"o.csv": "id,word\n1,a\nx,b\n"}, ["o.csv:3:", "type integer"]),
        (CSV, {"o.csv": 'id,word\n1,"a\nb"\nx,b\n'}, ["o.csv:4:"]),
        (CSV, {"o.csv": "id,wort\n1,a\n"}, ["o.csv", '"wort"']),
        ({**CSV, "table": "nowhere"}, {"o.csv": "id\n1\n"}, ["o.csv", '"nowhere" does not exist']),
        (CSV, {"o.csv": ""}, ["o.csv:1", "header"]),
        (CSV, {}, ["o.csv cannot be read"]),
        ({**CSV, "delimiter": ";;"}, {"o.csv": "id"}, ["o.csv", "delimiter ';;'", "one character"]),
        ({**CSV, "delimiter": ""}, {"o.csv": "id"}, ["o.csv", "delimiter ''", "one character"]),
        ({"run": "true", "files": ["/etc/hosts"]}, {}, ["declares /etc/hosts", "relative to the project's root"]),
        ({"run": "true", "files": [""]}, {}, ["declares an empty pattern", "relative to the project's root"]),
        ({"csv": "o.csv"}, {"o.csv": "id"}, ["names no table"]),
        ({**CSV, "sep": ";"}, {}, ["sep is not a key", "delimiter"]),
        ({"run": "true", "files": "a"}, {}, ["files of the run step 'true'", "a list of texts"]),
        ({"runs": "true"}, {}, ["no seeder takes", "runs"]),
        ("dump.pg", {"dump.pg": "PGDMP broken"}, ["dump.pg cannot be read", "pg_restore"]),
        ("x.sql.gz", {"x.sql.gz": "select 1"}, ["x.sql.gz cannot be unpacked"]),
    ],
)
def test_what_fails_says_where_and_leaves_nothing(
    server: Server, tmp_path: Path, entry: Any, files: Mapping[str, str], words: list[str]
) -> None:
    (tmp_path / "table.sql").write_text(TABLE)
    ensure(server, seed_of(tmp_path, "table.sql"))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    there = names(server)
    with pytest.raises(SeedError) as caught:
        ensure(server, seed_of(tmp_path, "table.sql", entry))
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
    assert names(server) == there


def test_a_plain_dump_comes_out_as_it_went_in(server: Server, tmp_path: Path, programs: Path, shop: str) -> None:
    original = dump(programs, server, shop, "--restrict-key=k")
    assert b"\nCOPY public.orders" in original
    assert b"\n\\restrict k" in original
    (tmp_path / "dump.sql").write_bytes(original)
    made = clone(server, ensure(server, seed_of(tmp_path, "dump.sql")), "perfbudget_dumped")
    again = dump(programs, server, made.name, "--restrict-key=k")
    drop(server, made.name)
    assert again == original


@pytest.mark.parametrize("form", ["custom", "directory", "tar"])
def test_a_dump_of_any_form_is_restored(
    server: Server, tmp_path: Path, programs: Path, shop: str, rows: Rows, form: str
) -> None:
    dump(programs, server, shop, f"--format={form}", f"--file={tmp_path / 'shop.dump'}")
    query = "select count(*), count(word), (select count(*) from late), twice(4) from public.orders"
    assert rows("shop.dump", query) == [(2000, 1334, 10, 8)]


def test_a_dump_that_does_not_fit_names_its_object(server: Server, tmp_path: Path, programs: Path, shop: str) -> None:
    dump(programs, server, shop, "--format=custom", "--table=orders", f"--file={tmp_path / 'shop.dump'}")
    (tmp_path / "less.sql").write_text("create table public.orders (id text, at date)")
    with pytest.raises(SeedError, match=r"shop\.dump: the seed failed.*exists\n    TABLE public\.orders") as caught:
        ensure(server, seed_of(tmp_path, "less.sql", "shop.dump"))
    assert caught.value.at
    assert caught.value.at.line == 0


def test_without_pg_restore_the_error_says_where_it_comes_from(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.dump").write_bytes(b"PGDMP")
    monkeypatch.setattr(archive, "find_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SeedError, match=r"there is none\n.*embedded"):
        ensure(server, seed_of(tmp_path, "x.dump"))


def test_a_csv_file_gives_its_columns_in_its_own_order(tmp_path: Path, rows: Rows) -> None:
    entry = {"csv": "o.csv", "table": "public.orders", "delimiter": ";", "null": "NIL"}
    (tmp_path / "o.csv").write_text('\ufeffword;id\nNIL;1\n"x;y";2\n')
    found = rows(entry, "select id, word, at from orders order by id", "table.sql")
    assert found == [(1, None, None), (2, "x;y", None)]


def test_a_csv_file_without_a_header_and_one_that_is_packed(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "bare.csv.gz").write_bytes(gzip.compress(b"7,a,2026-01-03\n"))
    entry = {"csv": "bare.csv.gz", "table": "orders", "header": False}
    assert rows(entry, "select id, word, at::text from orders", "table.sql") == [(7, "a", "2026-01-03")]


def test_a_command_finds_the_database_being_built_and_no_other(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, programs: Path
) -> None:
    for name in ("DATABASE_URL", "PGDATABASE", "PGHOST"):
        monkeypatch.setenv(name, "wrong")
    line = f"{programs}/psql -X -c \"insert into orders values (1, '$DATABASE_URL')\""
    ((word,),) = rows({"run": line}, "select word from orders", "table.sql")
    assert "/perfbudget_b_" in word


def test_the_variables_of_the_application_name_the_database_being_built_too(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DB", "the database of the tests")
    seed = Seed.of([{"run": 'echo "$SHOP_DB" | grep -q /perfbudget_b_'}], tmp_path, variables=["SHOP_DB"])
    assert ensure(server, seed).built


def test_a_command_that_leaves_a_process_behind_does_not_keep_it(server: Server, tmp_path: Path) -> None:
    template = ensure(server, seed_of(tmp_path, {"run": f"sleep 600 & echo $! > {tmp_path}/pid"}))
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _runs(pid)
    assert "declares no files" in template.notes[0]


def _runs(pid: int) -> bool:
    """A killed process may stay as a zombie where nobody collects orphans."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_the_password_of_the_database_is_not_in_the_error(tmp_path: Path) -> None:
    command = Command("echo $DATABASE_URL $PGPASSWORD; false", (), Project(tmp_path))
    target = Target(None, "postgresql://me:s3cr%3At%20w@nowhere:1/db", lambda share: None)  # type: ignore[arg-type]
    with pytest.raises(SeedError, match="exit code 1") as caught:
        command.run(target)
    assert "***" in str(caught.value)
    assert "s3cr" not in str(caught.value)


def test_the_share_that_is_sent_is_told_and_grows(server: Server, tmp_path: Path) -> None:
    (tmp_path / "table.sql").write_text(TABLE)
    lines = "".join(f"{number},word {number:0100}\n" for number in range(5000))
    (tmp_path / "o.csv").write_text("id,word\n" + lines)
    moved = "".join(f"{number + 10000},b\n" for number in range(5000))
    script = "copy orders (id, word) from stdin csv;\n{}\\.\n"
    (tmp_path / "o.sql").write_text(script.format(lines) + script.format(moved))
    for entry in ({"csv": "o.csv", "table": "orders"}, "o.sql"):
        told: list[float] = []

        class Told:
            def __init__(self, what: str, shares: list[float] = told) -> None:
                self.shares = shares if "o." in what and "analysing" not in what else []

            def __enter__(self) -> Callable[[float], None]:
                return self.shares.append

            def __exit__(self, *_: object) -> None:
                pass

        ensure(server, seed_of(tmp_path, "table.sql", entry), Told)  # type: ignore[arg-type]
        assert len(told) > 5
        assert told == sorted(told)
        assert told[0] == 0
        assert 0.8 < told[-1] < 1


def test_a_text_is_read_by_the_first_seeder_that_takes_it(tmp_path: Path) -> None:
    (tmp_path / "toc").mkdir()
    (tmp_path / "toc" / "toc.dat").write_bytes(b"PGDMP")
    (tmp_path / "c.dump").write_bytes(b"PGDMP")
    (tmp_path / "plain.dump").write_bytes(b"-- PostgreSQL database dump")
    kinds = [type(step).__name__ for step in seed_of(tmp_path, "toc", "c.dump", "plain.dump", "m:f", "no.sql").steps]
    assert kinds == ["Archive", "Archive", "SqlFile", "PythonCallable", "SqlFile"]

    class Mine:
        name = "mine"

        def step(self, entry: Any, project: Project) -> Any:
            return BUILTIN[-1].step("table.sql", project) if entry == "fixtures" else None

    (step,) = Seed.of(["fixtures"], tmp_path, [Mine(), *BUILTIN]).steps
    assert step.name == str(tmp_path / "table.sql")


def test_what_a_newer_pg_dump_says_to_newer_servers_is_left_out(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dump.sql").write_text("SET some_timeout = 0;\n\nselect nothing;")
    monkeypatch.setattr(seed_sql, "NEWER", (rb"^SET some_timeout = 0;$", 99))
    with pytest.raises(SeedError, match=r"dump\.sql:3.*nothing"):
        ensure(server, seed_of(tmp_path, "dump.sql"))
