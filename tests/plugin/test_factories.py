"""Fixtures made to order, as a conftest makes them."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from conftest import Shop
from machine import FOLDERS, no_major

from pytest_perfbudget.fixtures import perf_db_factory

CONFTEST = """
import psycopg, pytest
from pytest_perfbudget.fixtures import perf_db_factory

part_db = perf_db_factory(seed="part.sql")
module_db = perf_db_factory(seed=["part.sql"], scope="module")
class_db = perf_db_factory(scope="class")
empty_db = perf_db_factory(seed=[], name="nothing")

@pytest.fixture
def ask():
    def ask(database, statement):
        with psycopg.connect(database.dsn) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else None
    return ask
"""
TESTS = """
import pytest

COUNT, ADD = "SELECT count(*) FROM part", "INSERT INTO part VALUES (0)"
ORDERS, DELETE = "SELECT count(*) FROM orders", "DELETE FROM orders WHERE id = 1"

@pytest.mark.parametrize("number", range(3))
def test_a_function_begins_in_the_seed_s_state(part_db, ask, number):
    assert ask(part_db, COUNT) == [(7,)]
    ask(part_db, ADD)

@pytest.mark.parametrize("number", range(3))
def test_a_module_shares(module_db, ask, number):
    assert ask(module_db, COUNT) == [(7 + number,)]
    ask(module_db, ADD)

class TestOne:
    def test_writes(self, class_db, ask):
        ask(class_db, DELETE)

    def test_sees_it(self, class_db, ask):
        assert ask(class_db, ORDERS) == [(19999,)]

class TestOther:
    def test_begins_anew(self, class_db, ask):
        assert ask(class_db, ORDERS) == [(20000,)]

def test_names_differ(part_db, module_db, class_db, nothing, perf_db):
    assert len({each.name for each in (part_db, module_db, class_db, nothing, perf_db)}) == 5

def test_an_empty_one(nothing, ask):
    assert ask(nothing, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]
"""
OTHER = """
def test_another_module_begins_anew(module_db, ask):
    assert ask(module_db, "SELECT count(*) FROM part") == [(7,)]
"""


@pytest.fixture
def project(shop: Shop) -> Shop:
    shop.write(**{"part.sql": "CREATE TABLE part AS SELECT generate_series(1, 7) i;", "conftest.py": CONFTEST})
    shop.write(**{"test_made.py": TESTS, "test_other.py": OTHER})
    return shop


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_seeds_and_scopes(project: Shop, workers: tuple[str, ...]) -> None:
    distribution = ("--dist", "loadfile") if workers else ()
    done = project.run(*workers, *distribution)
    assert done.code == 0, done.text


def test_nothing_of_them_stays_but_the_project_s_spare(project: Shop, server_cache: str) -> None:
    project.write(**{"test_last.py": LAST})
    assert project.run().code == 0
    done = project.run("test_last.py", "-rP")
    assert done.code == 0, done.text


LAST = """
def test_what_is_there(perf_pg, perf_db):
    names = {name for (name,) in perf_pg.admin.execute("select datname from pg_database where not datistemplate")}
    assert {name for name in names if not name.startswith("perfbudget_s_")} <= {"postgres", perf_db.name}
"""


def test_a_seed_that_fails_names_its_line_and_is_not_tried_again(project: Shop) -> None:
    project.write(**{"part.sql": "SELECT 1;\nSELECT nonsense;"})
    done = project.run("-k", "begins_in_the_seed")
    assert done.code == 1
    assert done.text.count("part.sql:2") >= 3


def test_statements_sent_to_them_are_not_counted(project: Shop) -> None:
    marked = "import pytest\n\n@pytest.mark.perf_budget(queries={'max': 0})\ndef test_no(part_db, ask):\n"
    project.write(**{"test_made.py": marked + "    ask(part_db, 'SELECT 1')\n"})
    done = project.run("test_made.py")
    assert "the test ran no statement on database" in done.text


WHEN = """
import psycopg, pytest
from pytest_perfbudget.fixtures import perf_db_factory

other_db = perf_db_factory(seed=["schema.sql", "other.sql"])

@pytest.mark.parametrize("number", range(4))
def test_when(perf_db, other_db, number):
    for database in (perf_db, other_db):
        with psycopg.connect(database.dsn) as connection:
            print("made", database.name[-2:], connection.execute("SELECT at::text FROM made").fetchone()[0])
"""


def test_seeds_are_built_anew_once_for_all_workers(project: Shop) -> None:
    project.append("schema.sql", "CREATE TABLE made AS SELECT clock_timestamp() AS at;")
    project.write(**{"other.sql": "SELECT 1", "test_made.py": WHEN})

    def made(*arguments: str) -> tuple[set[str], set[str]]:
        done = project.run("test_made.py", "-rP", *arguments)
        assert done.code == 0, done.text
        found = set(re.findall(r"made (\S\S) (.*)", done.text))
        return {at for name, at in found if name != "_1"}, {at for name, at in found if name == "_1"}

    first = made()
    assert made("-n", "2") == first
    anew = made("-n", "2", "--perf-reseed")
    assert [len(times) for times in anew] == [1, 1]
    assert not anew[0] & first[0]
    assert not anew[1] & first[1]


@pytest.mark.skipif(bool(no_major(15) or no_major(18)), reason=no_major(15) or no_major(18))
def test_several_majors_in_one_run(project: Shop) -> None:
    project.append("conftest.py", "\neach_major = perf_db_factory(seed=['part.sql'], postgres=[15, 18])\n")
    project.write(**{"test_made.py": MAJORS})
    project.write(**{"pyproject.toml": (project.path / "pyproject.toml").read_text().replace("embedded", "local")})
    done = project.run("test_made.py", "-v", environ={"PERFBUDGET_LOCAL": os.pathsep.join(FOLDERS)})
    assert done.code == 0, done.text
    assert "test_it[pg15]" in done.text
    assert "test_it[pg18]" in done.text


MAJORS = """
def test_it(each_major, ask, request):
    ((version,),) = ask(each_major, "SHOW server_version_num")
    assert f"[pg{int(version) // 10000}]" in request.node.name
    assert ask(each_major, "SELECT count(*) FROM part") == [(7,)]
"""


@pytest.mark.parametrize(("postgres", "shown"), [(9, "9"), ([15, 9], "15, 9"), ("15", "'15'"), ([], "[]")])
def test_majors_that_are_not_known_are_refused(postgres: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"postgres={shown}: give 14, 15, 16, 17, 18")):
        perf_db_factory(postgres=postgres)
