"""Django over psycopg, in a process of its own: which relationship a statement loads, the line that sent it, and what
is no statement of the application. No object of Django may come into the process of these tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PRELUDE = """
import json, sys
from pathlib import Path
import django
from django.conf import settings

from pytest_perfbudget.capture.django import Django
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.psycopg3 import Psycopg3

here = Path(__file__).parent
hub, drivers = Hub(str(here)), (Psycopg3(), Django())
hub.watch("watched")
for driver in drivers:
    driver.install(hub)

import os
os.environ["DSN"] = sys.argv[1]
import pytest_perfbudget.django
settings.configure(
    DATABASES={"default": pytest_perfbudget.django.database("DSN")},
    INSTALLED_APPS=["django.contrib.contenttypes", "people"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [here / "pages"]}],
)
django.setup()
from django.db import connection, models, transaction
from django.shortcuts import render
from people.models import *

with connection.schema_editor() as editor:
    for model in (ContentType, Team, Person, Badge, Tag, Note):
        editor.create_model(model)
red = Team.objects.create(name="red")
for number in range(3):
    person = Person.objects.create(name=f"p{number}", team=red)
    Badge.objects.create(person=person)
    person.tags.add(Tag.objects.create(name=f"t{number}"))
ContentType.objects.get_for_model(Person)
hub.start()
"""
EPILOGUE = """
seen = [
    {
        "sql": one.sql,
        "site": str(one.site),
        "function": one.site and one.site.function,
        "origin": one.origin and [one.origin.relationship, one.origin.option],
        "error": one.error,
    }
    for one in hub.stop()
]
with connection.schema_editor() as editor:
    for model in (Note, Tag, Badge, Person, Team, ContentType):
        editor.delete_model(model)
print(json.dumps(seen))
"""
PEOPLE = """
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

class Team(models.Model):
    name = models.TextField()
    class Meta:
        app_label = "people"

class Person(models.Model):
    name = models.TextField()
    team = models.ForeignKey(Team, models.CASCADE)
    tags = models.ManyToManyField("Tag", related_name="holders")
    friend = models.ForeignKey("self", models.CASCADE, null=True, related_name="friends")
    class Meta:
        app_label = "people"

    notes = GenericRelation("Note")

    def badges(self):
        return Badge.objects.filter(person=self).count()

class Badge(models.Model):
    person = models.OneToOneField(Person, models.CASCADE, related_name="badge")
    class Meta:
        app_label = "people"

class Note(models.Model):
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.IntegerField()
    about = GenericForeignKey()
    class Meta:
        app_label = "people"

class Tag(models.Model):
    name = models.TextField()
    class Meta:
        app_label = "people"
"""
PAGE = """{% load l10n %}
{% for person in people %}
  {{ person.name }} of
  {{ person.team.name }}
  {% include "part.html" %}
{% endfor %}
"""
PART = """
{% for tag in person.tags.all %}{{ tag.name }}{% endfor %}{{ person.badges }}
"""


class Application:
    def __init__(self, path: Path, dsn: str) -> None:
        self.path, self._dsn = path, dsn
        (path / "people").mkdir()
        (path / "people" / "models.py").write_text(PEOPLE)
        (path / "pages").mkdir()
        (path / "pages" / "page.html").write_text(PAGE)
        (path / "pages" / "part.html").write_text(PART)

    def run(self, code: str) -> list[dict[str, Any]]:
        """What the code sent; a line of it is named by the comment at its end."""
        text = PRELUDE + code + EPILOGUE
        (self.path / "application.py").write_text(text)
        command = [sys.executable, "application.py", self._dsn]
        done = subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seen: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        for one in seen:
            file, _, line = one["site"].rpartition(":")
            if file == "application.py":
                one["site"] = text.splitlines()[int(line) - 1].partition("# ")[2]
        return seen


@pytest.fixture
def application(tmp_path: Path, dsn: str) -> Application:
    return Application(tmp_path, dsn)


RELATIONS = """
person = Person.objects.get(name="p0")
person.team
person.team
Badge.objects.order_by("id").first().person
person.badge
person.badge
list(person.tags.all())
list(red.person_set.all())
person.tags.count()
person.tags.exists()
red.person_set.count()
red.person_set.exists()
red.person_set.filter(name="p1").count()
list(person.tags.filter(name="t0"))
list(person.tags.order_by("name"))
person.friends.first()
list(Tag.objects.order_by("id")[0].holders.all())
list(person.notes.all())
"""


def test_a_statement_knows_its_relationship_and_the_option_that_loads_it_with_its_parents(
    application: Application,
) -> None:
    seen = application.run(RELATIONS)
    assert [one["origin"] for one in seen] == [
        None,
        ["Person.team", 'select_related("team")'],
        None,
        ["Badge.person", 'select_related("person")'],
        ["Person.badge", 'select_related("badge")'],
        ["Person.tags", 'prefetch_related("tags")'],
        ["Team.person_set", 'prefetch_related("person_set")'],
        ["Person.tags", 'prefetch_related("tags")'],
        ["Person.tags", 'prefetch_related("tags")'],
        ["Team.person_set", 'prefetch_related("person_set")'],
        ["Team.person_set", 'prefetch_related("person_set")'],
        ["Team.person_set", 'prefetch_related(Prefetch("person_set", queryset=…))'],
        ["Person.tags", 'prefetch_related(Prefetch("tags", queryset=…))'],
        ["Person.tags", 'prefetch_related(Prefetch("tags", queryset=…))'],
        ["Person.friends", 'prefetch_related(Prefetch("friends", queryset=…))'],
        None,
        ["Tag.holders", 'prefetch_related("holders")'],
        ["Person.notes", 'prefetch_related("notes")'],
    ]


CURED = """
for person in Person.objects.select_related("team", "badge").prefetch_related("tags", "friends"):
    person.team, person.badge, list(person.tags.all()), person.tags.count(), list(person.friends.all())
"""


def test_with_the_options_the_statements_and_their_relationships_are_gone(application: Application) -> None:
    seen = application.run(CURED)
    assert [one["origin"] for one in seen] == [None, None, None]


WRITES = """
person = Person.objects.get(name="p0")
red.person_set.create(name="new")
red.person_set.update(name="all")
person.tags.clear()
"""


def test_what_is_written_through_a_manager_loads_no_relationship(application: Application) -> None:
    seen = application.run(WRITES)
    assert {one["origin"] and one["origin"][0] for one in seen if not one["sql"].startswith("SELECT")} == {None}


LAZY = """
def recent():
    return Person.objects.order_by("id")  # made

def shown(people):
    names = []
    for person in people:  # iterated
        names.append(person.name)
    return names

def teams(people):
    return [person.team.name for person in people]  # related

people = recent()
shown(people)
bool(people)
teams(people)
"""


def test_the_line_is_the_one_that_iterated(application: Application) -> None:
    seen = application.run(LAZY)
    assert [(one["site"], one["function"]) for one in seen] == [("iterated", "shown")] + [("related", "teams")] * 3


TEMPLATES = """
def view():
    return render(None, "page.html", {"people": Person.objects.order_by("id")[:2]})  # rendered

view()
"""


def test_the_line_of_a_template_where_no_line_of_python_is_nearer(application: Application) -> None:
    seen = application.run(TEMPLATES)
    place = {"people/models.py:22": "badges()"}
    of_each = ["pages/page.html:4", "pages/part.html:2", "badges()"]
    assert [place.get(one["site"], one["site"]) for one in seen] == ["pages/page.html:2", *of_each, *of_each]
    assert [one["function"] for one in seen] == ["view", "view", "view", "badges", "view", "view", "badges"]
    assert seen[1]["origin"] == ["Person.team", 'select_related("team")']


TRANSACTIONS = """
connection.close()
with transaction.atomic():
    Team.objects.count()
    try:
        with transaction.atomic():
            Team.objects.create(id=red.id, name="twice")
    except django.db.IntegrityError:
        pass
    with transaction.atomic():
        red.refresh_from_db()
connection.health_check_enabled = True
connection.health_check_done = False
connection.close_if_health_check_failed()
connection.close()
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
"""


def test_savepoints_and_what_a_new_connection_asks_are_no_statements(application: Application) -> None:
    seen = application.run(TRANSACTIONS)
    assert [one["sql"].split()[0] for one in seen] == ["SELECT", "INSERT", "SELECT", "SELECT"]
    assert [one["error"] for one in seen] == [None, "23505", None, None]


UNDONE = """
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor, ReverseManyToOneDescriptor
from django.db.backends.base.base import BaseDatabaseWrapper
from django.template.base import Template

red.person_set
watched = [(type(red.person_set), "_apply_rel_filters"), (ForwardManyToOneDescriptor, "get_object"),
           (ReverseManyToOneDescriptor, "__get__"),
           (BaseDatabaseWrapper, "_savepoint"), (Template, "render")]
assert all(hasattr(vars(kind)[name], "__wrapped__") for kind, name in watched)
drivers[1].uninstall()
assert not any(hasattr(vars(kind)[name], "__wrapped__") for kind, name in watched)
Person.objects.get(name="p0").team
drivers[1].install(hub)
red.person_set
assert all(hasattr(vars(kind)[name], "__wrapped__") for kind, name in watched)
"""


def test_uninstalled_django_is_as_it_was(application: Application) -> None:
    assert [one["origin"] for one in application.run(UNDONE)] == [None, None]


ASYNC = """
import asyncio

async def work():
    async for person in Person.objects.order_by("id"):  # iterated
        pass
    await Person.objects.acount()  # awaited

asyncio.run(work())
"""


def test_the_line_that_awaits_a_queryset(application: Application) -> None:
    seen = application.run(ASYNC)
    assert [one["site"] for one in seen] == ["iterated", "awaited"]
