"""The reference of ``--perf-against``: its tests are run once in each process that asks, when the first test does."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pytest_perfbudget.errors import PerfbudgetError, SeedError
from pytest_perfbudget.postgres.relocate import SCHEMA, Relocate
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import Template, attach, ensure
from pytest_perfbudget.session.against import child
from pytest_perfbudget.session.against.child import NoReferenceError
from pytest_perfbudget.session.against.invocation import Invocation, mapped
from pytest_perfbudget.session.against.layouts import (
    FRESH_PAIRS,
    PINNED,
    SAME_TABLES,
    TWO_SCHEMAS,
    OneConnection,
    TwoDatabases,
    bound_to_a_schema,
    pinned,
)
from pytest_perfbudget.session.against.parcel import Given, GivenTest, Order
from pytest_perfbudget.session.against.sides import Layout, Sides
from pytest_perfbudget.session.against.worktree import Commit, Tree, checked_out
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.place import Place
from pytest_perfbudget.session.succession import Succession

_SHOWN = 3
"""Files that are named."""


class Reference:
    """What the other commit's tests sent, and databases to compare it in."""

    def __init__(
        self, place: Place, options: Options, invocation: Invocation, tests: Callable[[], Mapping[str, str]]
    ) -> None:
        """``tests`` gives the node ids of what is to be compared, with what is captured of each."""
        self._place, self._options, self._invocation, self._tests = place, options, invocation, tests
        self._failed: NoReferenceError | None = None
        self._databases: dict[str, Succession] = {}

    @cached_property
    def commit(self) -> Commit:
        """
        Raises:
            SettingsError: not a git checkout, or git does not know the ref.
        """
        return Commit.of(self._options.root, self._options.against)

    @property
    def given(self) -> Given:
        """What it handed over.

        Raises:
            NoReferenceError: nothing; said again in the same words, not tried again.
        """
        if self._failed:
            raise self._failed
        try:
            return self._given
        except NoReferenceError as error:
            self._failed = error
        except PerfbudgetError as error:
            self._failed = NoReferenceError(error.what, remedy=error.remedy)
        raise self._failed

    def test(self, test: str, budget: str) -> GivenTest:
        """What the test is compared with.

        Raises:
            NoReferenceError: there is nothing, with the reason.
        """
        given = self.given
        if given.strayed:
            files = ", ".join(given.strayed[:_SHOWN]) + (", …" if len(given.strayed) > _SHOWN else "")
            words = f"its tests imported files of the working tree: {files}"
            raise NoReferenceError(words, remedy="an editable install by an import hook? put its folder on sys.path")
        found = given.tests.get(test)
        if found is None:
            raise NoReferenceError(f"not in {self.commit.ref}: it has no such test with the marker")
        if found.failed:
            first, *rest = found.failed.splitlines()
            raise NoReferenceError(f"at {self.commit.ref} the test {first}", remedy="\n".join(rest))
        if found.budget != budget:
            raise NoReferenceError(f"not in {self.commit.ref}: there the test is held to {found.budget}")
        return found

    def layout(self, test: str, sides: Mapping[str, Sides]) -> Layout:
        """Where these statements are compared.

        Raises:
            NoReferenceError: nowhere, with the reason.
        """
        server, new = self._place.server, self._place.template
        if self.given.template == new.hash:
            return OneConnection(server, self._database("both", new, test), SAME_TABLES)
        why = next((words for one in sides.values() if (words := bound_to_a_schema(one))), "") or self._unmoved
        if not why:
            return OneConnection(server, self._database("both", self._both, test), TWO_SCHEMAS, (SCHEMA, "public"))
        old = self._database("old", self._old, test)
        apart = TwoDatabases(server, old, self._database("new", new, test), f"{FRESH_PAIRS}: {why}")
        there, not_there = pinned(apart, f"{PINNED}: {why}")
        return there or replace(apart, name=f"{apart.name}; not pinned to one CPU: {not_there}")

    def close(self) -> None:
        """Drop the databases."""
        for database in self._databases.values():
            database.close(keep=False)
        self._databases.clear()

    @cached_property
    def _old(self) -> Template:
        """The reference's, which its own process has built."""
        template = attach(self._place.server, self.given.template)
        if template is None:
            raise NoReferenceError(f"the template of {self.commit.ref} was dropped by another run")
        return template

    @cached_property
    def _both(self) -> Template:
        """Both seeds in one database, the reference's in a schema of its own."""
        seed = Seed((Relocate(), *self._place.seed.steps), after=self._old.hash)
        return ensure(self._place.server, seed, self._place.progress)

    @cached_property
    def _unmoved(self) -> str:
        """Why the two seeds cannot be in one database, empty if they can."""
        if any(
            setting.startswith("search_path=") for _, setting in (*self._old.settings, *self._place.template.settings)
        ):
            return "a seed sets search_path"
        if self._old.settings != self._place.template.settings:
            return "a seed changes the settings of the database"
        try:
            self._both  # noqa: B018
        except SeedError as error:
            return error.what
        return ""

    def _database(self, kind: str, template: Template, owner: str) -> str:
        """A clone made for the comparison, in the template's state; never the one that the tests use."""
        if kind not in self._databases:
            self._databases[kind] = Succession(self._place.server, template, f"{self._place.database}_{kind}")
        return self._databases[kind].fresh(owner).name

    @cached_property
    def _given(self) -> Given:
        tests = self._tests()
        with (
            self._place.progress(f"running what is compared at {self.commit}"),
            tempfile.TemporaryDirectory(prefix="perfbudget-reference-") as private,
            checked_out(self.commit) as tree,
        ):
            command = self._invocation.command(tree, tests, Path(private))
            if command is None:
                return Given()
            order = Order.of(self._options, tests, str(self.commit.top))
            folder, environment = self._invocation.working_folder(tree), self._invocation.environment(os.environ)
            return child.run(command, self._told(tree), folder, environment, order)

    def _told(self, tree: Tree) -> str:
        """For the launcher: what comes first in ``sys.path``, and where the entries that are there already move."""
        moved = {entry: mapped(entry, tree) for entry in [*sys.path, *self._invocation.path] if entry}
        variable = self._invocation.variable(tree, os.environ)
        return json.dumps({"first": self._invocation.search_path(tree), "moved": moved, "variable": variable})
