"""Django's shop beside the one on psycopg, and Django's own ways to make and leave a test database."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT
from test_shop import BUDGETS, EXPECTED, FUNCTIONS, SHOP

FILE = "shop_django/shop.py"
SETTINGS = (
    PROJECT
    + """
[tool.pytest.ini_options]
DJANGO_SETTINGS_MODULE = "shop_django.settings"
pythonpath = ["."]
"""
)

TESTS = """
from decimal import Decimal
from importlib import import_module

import pytest

@pytest.fixture(params=["shop_psycopg", "db", "transactional_db"])
def shop(request):
    if request.param == "shop_psycopg":
        return import_module("shop_psycopg")
    request.getfixturevalue(request.param)
    return import_module("shop_django.shop")

@pytest.mark.perf_budget("shop.recent")
def test_recent(shop):
    found = shop.recent_orders(7)
    assert len(found) == 20 and {lines for _, lines in found} == {4}

@pytest.mark.perf_budget("shop.one_by_one")
def test_one_by_one(shop):
    assert len(shop.recent_orders_one_by_one(7)) == 20

@pytest.mark.perf_budget("shop.by_status")
def test_by_status(shop):
    assert shop.orders_by_status("open")[0] == 5000

@pytest.mark.perf_budget("shop.total")
def test_total(shop):
    assert shop.order_total(9) == 130

@pytest.mark.perf_budget("shop.loyalty")
def test_loyalty(shop):
    assert shop.loyalty(7) == 1360

@pytest.mark.perf_budget("shop.place")
def test_place(shop):
    assert shop.place_order(7, [(1, 2, Decimal("1.50")), (2, 3, Decimal(4))]) == 5001
"""
WAYS = ("shop_psycopg", "db", "transactional_db")


class Project:
    """A project of Django's shop; ``run`` gives what pytest printed and the tests of the report by their names."""

    def __init__(self, path: Path, cache: str) -> None:
        self.path, self._cache = path, cache
        shutil.copytree(SHOP, path, dirs_exist_ok=True)
        self.write("pyproject.toml", SETTINGS)
        self.write("budgets/shop.toml", BUDGETS)
        self.text, self.code = "", 0

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def run(self, *arguments: str, **environ: str) -> dict[str, dict[str, Any]]:
        variables = os.environ | {"PERFBUDGET_CACHE": self._cache, "PERFBUDGET_CI": "0"} | environ
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--perf-report=json:perf.json", *arguments]
        (self.path / "perf.json").unlink(missing_ok=True)
        done = subprocess.run(command, cwd=self.path, env=variables, capture_output=True, text=True, check=False)
        self.text, self.code = done.stdout + done.stderr, done.returncode
        assert (self.path / "perf.json").exists(), self.text
        found = json.loads((self.path / "perf.json").read_text())["tests"]
        return {test["nodeid"].partition("::")[2]: test for test in found}


@pytest.fixture
def project(tmp_path: Path, server_cache: str) -> Project:
    return Project(tmp_path, server_cache)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, server_cache: str) -> dict[str, dict[str, Any]]:
    project = Project(tmp_path_factory.mktemp("shop"), server_cache)
    project.write("test_shop.py", TESTS)
    found = project.run()
    assert len(found) == len(FUNCTIONS) * len(WAYS), project.text
    return found


def planted(function: str) -> list[int]:
    lines = (SHOP / FILE).read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"def {function}("))
    end = next((n for n, line in enumerate(lines[start + 1 :], start + 1) if re.match(r"\w", line)), len(lines))
    return [n + 1 for n in range(start, end) if "# planted" in lines[n]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_contract_of_the_shop_is_kept(report: dict[str, dict[str, Any]], function: str, way: str) -> None:
    test = report[f"test_{function}[{way}]"]
    verdict, calls = EXPECTED[function]
    assert test["verdict"] == verdict
    assert [query["calls"] for query in test["queries"]] == calls
    files = {site["file"] for query in test["queries"] for site in query["sites"]}
    assert files == {"shop_psycopg.py" if way == "shop_psycopg" else FILE}


def tree(plan: dict[str, Any]) -> list[str]:
    """The lines, with the column first wherever a mapper put it: ``order_id = ?``."""
    return [re.sub(r"\? = (\w+)", r"\1 = ?", line) for line in plan["tree"]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_plans_rows_and_findings_are_those_of_the_other_drivers(
    report: dict[str, dict[str, Any]], function: str
) -> None:
    seen = []
    for way in WAYS:
        test = report[f"test_{function}[{way}]"]
        plans = [[(tree(plan), plan["calls"]) for plan in query["plans"]] for query in test["queries"]]
        rows = [query["work"]["rows"] for query in test["queries"] if query["work"]]
        codes = [(finding["code"], finding["verdict"], finding["measured"]) for finding in test["findings"]]
        seen.append((plans, rows, codes))
    assert seen == [seen[0]] * len(WAYS)


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize(
    ("test", "function", "code"),
    [
        ("one_by_one", "recent_orders_one_by_one", "queries.repeated"),
        ("by_status", "orders_by_status", "plan.forbid"),
        ("total", "order_total", "queries.max"),
        ("loyalty", "loyalty", "plan.forbid"),
    ],
)
def test_what_is_planted_is_found_at_its_line(
    report: dict[str, dict[str, Any]], test: str, function: str, code: str, way: str
) -> None:
    lines = planted(function)
    entry = report[f"test_{test}[{way}]"]
    (finding,) = [one for one in entry["findings"] if one["code"] == code]
    assert (finding["site"]["file"], finding["site"]["line"]) == (FILE, lines[0])
    (query,) = [one for one in entry["queries"] if one["id"] == finding["query"]]
    assert [site["line"] for site in query["sites"]] == lines


@pytest.mark.parametrize("way", WAYS[1:])
def test_what_would_cure_the_repetition_is_named(report: dict[str, dict[str, Any]], way: str) -> None:
    (finding,) = [one for one in report[f"test_one_by_one[{way}]"]["findings"] if one["code"] == "queries.repeated"]
    assert finding["fix"].startswith('prefetch_related("lines")')


WAYS_TO_TEST = """
import pytest
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase

from shop_django.models import Order
from shop_django.shop import recent_orders

NAME = connection.settings_dict["NAME"]
marked = pytest.mark.perf_budget("shop.recent")

def write(status):
    return Order.objects.create(customer_id=7, paid_by=7, status=status, placed_at="2024-01-01T00:00Z", total=1)

def test_unmarked_before(db):
    assert connection.settings_dict["NAME"] == NAME
    assert Order.objects.count() == 5000
    write("unmarked")

@marked
def test_in_a_transaction(db):
    assert len(recent_orders(7)) == 20

@marked
def test_what_a_fixture_wrote_is_there(db, django_user):
    assert len(recent_orders(7)) == 20
    assert Order.objects.filter(status="fixture").exists()

@pytest.fixture
def django_user(db):
    return write("fixture")

class TestOfDjango(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.order = write("class")

    @marked
    def test_first(self):
        assert Order.objects.filter(status="class").count() == 1
        write("test")

    @marked
    def test_second(self):
        assert Order.objects.filter(status="class").count() == 1
        assert not Order.objects.filter(status="test").exists()

class TestOfTransactions(TransactionTestCase):
    @marked
    def test_commits(self):
        with transaction.atomic():
            write("committed")
        assert Order.objects.count() == 5001

    @marked
    def test_commits_again(self):
        assert Order.objects.count() == 5000
        write("committed")

@marked
def test_a_server_in_a_thread(live_server):
    from urllib.request import urlopen
    assert b"Customer 7" in urlopen(f"{live_server.url}/orders/7").read()

@marked
def test_a_client(client, db):
    assert b"Customer 7" in client.get("/orders/7").content
"""
MARKED = {
    "test_in_a_transaction": 2,
    "test_what_a_fixture_wrote_is_there": 3,
    "TestOfDjango::test_first": 2,
    "TestOfDjango::test_second": 2,
    "TestOfTransactions::test_commits": 2,
    "TestOfTransactions::test_commits_again": 2,
    "test_a_server_in_a_thread": 11,
    "test_a_client": 11,
}
"""The marked tests, and how many statements their bodies send."""


@pytest.mark.parametrize(
    "arguments", [[], ["--reuse-db"], ["--create-db"], ["--nomigrations"], ["-n", "2"]], ids=" ".join
)
def test_every_way_to_test_with_django_is_on_our_database(project: Project, arguments: list[str]) -> None:
    project.write("test_ways.py", WAYS_TO_TEST)
    project.write("budgets/shop.toml", "[recent]\nqueries.max = 12\n")
    found = project.run(*arguments, PERFBUDGET_SERVER="embedded")
    assert project.code == 0, project.text
    assert {name: sum(query["calls"] for query in test["queries"]) for name, test in found.items()} == MARKED
    assert "9 passed" in project.text


def test_a_pool_of_django_lets_go_of_the_database(project: Project) -> None:
    settings = (project.path / "shop_django" / "settings.py").read_text()
    project.write("shop_django/settings.py", settings.replace("database()", 'database(OPTIONS={"pool": True})'))
    project.write("test_ways.py", WAYS_TO_TEST)
    project.write("budgets/shop.toml", "[recent]\nqueries.max = 12\n")
    assert project.run().keys() == MARKED.keys()
    assert project.code == 0, project.text


WITHOUT = """
import django, pytest
from django.test.utils import setup_databases, teardown_databases

def pytest_configure():
    django.setup()

@pytest.fixture(scope="session", autouse=True)
def databases():
    made = setup_databases(verbosity=1, interactive=False)
    yield
    teardown_databases(made, verbosity=1)
"""
PLAIN = """
import pytest
from django.test import TestCase
from shop_django.shop import recent_orders

class TestOfDjango(TestCase):
    @pytest.mark.perf_budget("shop.recent")
    def test_recent(self):
        assert len(recent_orders(7)) == 20

    @pytest.mark.perf_budget("shop.recent")
    def test_recent_again(self):
        assert len(recent_orders(7)) == 20
"""


def test_workers_record_the_same_baselines(project: Project) -> None:
    project.write("test_shop.py", TESTS)
    files = []
    for arguments in ([], ["-n", "2"]):
        shutil.rmtree(project.path / "budgets" / "baselines", ignore_errors=True)
        project.run("--perf-update", "-k", "not shop_psycopg and not place", *arguments)
        assert "8 failed, 2 passed" in project.text, project.text
        written = sorted((project.path / "budgets" / "baselines").rglob("*.json"))
        files.append({path.name: re.sub(r'"(at|by)": "[^"]*"', "", path.read_text()) for path in written})
    assert files[0].keys() == {f"shop.{function}.json" for function in FUNCTIONS if function != "place"}
    assert files[0] == files[1], project.text


def test_without_pytest_django(project: Project) -> None:
    project.write("conftest.py", WITHOUT)
    project.write("test_plain.py", PLAIN)
    project.write("budgets/shop.toml", "[recent]\nqueries.max = 2\n")
    project.write("pyproject.toml", PROJECT + '[tool.pytest.ini_options]\npythonpath = ["."]\n')
    found = project.run("-p", "no:django", DJANGO_SETTINGS_MODULE="shop_django.settings")
    assert project.code == 0, project.text
    assert {name: len(test["queries"]) for name, test in found.items()} == {
        "TestOfDjango::test_recent": 2,
        "TestOfDjango::test_recent_again": 2,
    }


def test_databases_as_dj_database_url_reads_them(project: Project) -> None:
    settings = (project.path / "shop_django" / "settings.py").read_text()
    line = "import dj_database_url\nDATABASES = {'default': dj_database_url.config()}"
    project.write("shop_django/settings.py", re.sub("(?m)^DATABASES.*$", line, settings))
    project.write("test_ways.py", WAYS_TO_TEST)
    project.write("budgets/shop.toml", "[recent]\nqueries.max = 12\n")
    assert project.run().keys() == MARKED.keys()
    assert project.code == 0, project.text


MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notes.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
MIGRATION = """
from django.db import migrations, models

def fill(apps, schema_editor):
    Note = apps.get_model("notes", "Note")
    Note.objects.bulk_create([Note(text=f"note {number}") for number in range(1000)])

class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())]),
        migrations.RunPython(fill),
    ]
"""
NOTES = {
    "manage.py": MANAGE,
    "notes/__init__.py": "",
    "notes/settings.py": """
import pytest_perfbudget.django
DATABASES = {"default": pytest_perfbudget.django.database()}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "notes"]
SECRET_KEY = "of a test"
""",
    "notes/models.py": """
from django.db import models

class Note(models.Model):
    id = models.BigAutoField(primary_key=True)
    text = models.TextField()
""",
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": MIGRATION,
    "budgets/notes.toml": '[all]\nqueries.max = 1\nplan.require = ["Seq Scan on notes_note"]\n',
    "test_notes.py": """
import pytest
from notes.models import Note

@pytest.mark.perf_budget("notes.all")
def test_all(db):
    assert Note.objects.count() == 1000

@pytest.mark.perf_budget("notes.all")
def test_all_again(transactional_db):
    assert Note.objects.count() == 1000
""",
}
STEP = '{ run = "python manage.py migrate", files = ["**/migrations/*.py"] }'


@pytest.fixture
def notes(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for name, text in NOTES.items():
        project.write(name, text)
    (project.path / "budgets" / "shop.toml").unlink()
    project.write("pyproject.toml", SETTINGS.replace("shop_django", "notes").replace('["schema.sql"]', f"[{STEP}]"))
    return project


def test_migrations_are_a_seed(notes: Project) -> None:
    found = notes.run()
    assert notes.code == 0, notes.text
    assert {name: len(test["queries"]) for name, test in found.items()} == {"test_all": 1, "test_all_again": 1}


def test_a_seed_that_lacks_a_migration_is_told(notes: Project) -> None:
    notes.write("pyproject.toml", SETTINGS.replace("shop_django", "notes").replace('["schema.sql"]', "[]"))
    project = (notes.path / "budgets" / "notes.toml").read_text()
    notes.write("budgets/notes.toml", project.replace("plan.require", "# plan.require"))
    notes.run()
    assert notes.code == 1
    assert "the seed has not migrated Django's database: " in notes.text
    assert STEP in notes.text


UNCOMMITTED = """
import pytest
from shop_django.models import Order

@pytest.fixture
def many(db):
    fields = dict(paid_by=7, status="new", placed_at="2024-01-01T00:00Z", total=1)
    Order.objects.bulk_create(Order(customer_id=7, **fields) for _ in range(4000))

@pytest.mark.perf_budget("shop.all")
def test_all(many):
    counted = "SELECT id, (SELECT count(*) FROM order_lines WHERE order_id = o.id) FROM orders o WHERE customer_id = 7"
    assert len(list(Order.objects.raw(counted))) == 4025
"""


def test_work_is_counted_again_where_what_a_fixture_wrote_can_be_seen(project: Project) -> None:
    project.write("test_uncommitted.py", UNCOMMITTED)
    project.write("budgets/shop.toml", "[all]\nwork.buffers = 1000\n")
    found = project.run()
    assert found["test_all"]["verdict"] == "over"
    (query,) = found["test_all"]["queries"]
    assert query["work"]["loops"] == 4025
