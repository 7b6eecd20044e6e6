"""The marked tests, run at other sizes of the database: once for each size, in a process of their own.

Statements executed again with the same parameters would be cheaper, and would not see what the test itself does with
more rows: statements in a loop over them (N+1), pages counted from them, chunks. So the test is what is run again, all
tests of a run that ask for it in one process for each size.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from pytest_perfbudget.advice.trial import try_index
from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.measure.growth import RANGE
from pytest_perfbudget.model import Statement, Work
from pytest_perfbudget.postgres.multiply import factors
from pytest_perfbudget.postgres.scale import takes_scale
from pytest_perfbudget.postgres.templates import attach
from pytest_perfbudget.session.against import child
from pytest_perfbudget.session.against.child import NoReferenceError, OutOfTimeError
from pytest_perfbudget.session.against.invocation import Invocation
from pytest_perfbudget.session.against.parcel import Given, GivenTest, Order
from pytest_perfbudget.session.against.worktree import Tree
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.place import PATIENCE, Place
from pytest_perfbudget.session.succession import Succession
from pytest_perfbudget.units import format_count, format_seconds

_EVERYTHING = Path("/")
_HERE = Tree(_EVERYTHING, _EVERYTHING)
"""The working tree itself: every path is where it is."""


def grows(budget: Budget) -> bool:
    """Whether a budget asks for it."""
    return any(one.growth for one in (budget, *budget.queries.values()))


class Scales:
    """One per process. What fails once fails again in the same words, without being run again."""

    def __init__(
        self, place: Place, options: Options, invocation: Invocation, tests: Callable[[], Mapping[str, str]]
    ) -> None:
        """``tests`` gives the node ids of what asks for growth, with what is captured of each."""
        self._place, self._options, self._invocation, self._tests = place, options, invocation, tests
        self._given: dict[int, Given | NoReferenceError] = {}
        self._databases: dict[int, Succession] = {}
        self._spent = 0.0

    @cached_property
    def all(self) -> tuple[int, ...]:
        """What the seed is told: rows, or by how much those it makes are multiplied.

        Raises:
            SeedError: it takes no scale, and its rows cannot be multiplied.
        """
        sizes = self._options.growth_sizes
        return sizes if self._told_to_seed else factors(self._place.facts.rows, sizes, RANGE)

    @cached_property
    def _told_to_seed(self) -> bool:
        return takes_scale(self._place.seed)

    def described(self, scale: int) -> str:
        """The scale in words."""
        number = format_count(scale)
        return f"scale {number}" if self._told_to_seed else f"{number} times the rows"

    def test(self, scale: int, test: str) -> tuple[Given, GivenTest]:
        """What the test did at that scale, and in which database.

        Raises:
            NoReferenceError: nothing, with the reason.
        """
        given = self._at(scale)
        found = given.tests.get(test)
        if found is None:
            raise NoReferenceError(f"at {self.described(scale)} the test did not run")
        if found.failed:
            first, *rest = found.failed.splitlines()
            raise NoReferenceError(f"at {self.described(scale)} the test {first}", remedy="\n".join(rest))
        return given, found

    def try_index(self, scale: int, definition: str, statement: Statement) -> Work | None:
        """The work of a read at that scale if the index were there, in a database made for it; None if it fails."""
        server = self._place.server
        template = attach(server, self._at(scale).template)
        if template is None:
            return None
        if scale not in self._databases:
            self._databases[scale] = Succession(server, template, f"{self._place.database}_at_{scale}")
        name = self._databases[scale].fresh("growth").name
        with server.connect(name) as connection:
            connection.execute(PATIENCE)
            return try_index(connection, definition, statement, server.major)

    def close(self) -> None:
        """Drop the databases."""
        for database in self._databases.values():
            database.close(keep=False)
        self._databases.clear()

    def _at(self, scale: int) -> Given:
        found = self._given.get(scale)
        if found is None:
            try:
                found = self._run(scale)
            except NoReferenceError as error:
                found = type(error)(f"at {self.described(scale)} {error.what}", remedy=error.remedy)
            self._given[scale] = found
        if isinstance(found, NoReferenceError):
            raise found
        return found

    def _run(self, scale: int) -> Given:
        may, left = f"{format_seconds(self._options.growth_cap)} that all may (growth_cap)", self._left
        if left <= 0:
            raise OutOfTimeError(f"nothing was run: smaller sizes have taken the {may}")
        tests, started = self._tests(), time.monotonic()
        order = Order.of(self._options, tests, scale=scale)
        try:
            with (
                self._place.progress(f"running what grows at {self.described(scale)}"),
                tempfile.TemporaryDirectory(prefix="perfbudget-growth-") as private,
            ):
                command = self._invocation.command(_HERE, tests, Path(private))
                assert command is not None
                environment = self._invocation.environment(os.environ)
                return child.run(command, self._told(), self._invocation.folder, environment, order, left)
        except OutOfTimeError:
            raise OutOfTimeError(f"its run of pytest did not end: all sizes have taken the {may}") from None
        except NoReferenceError:
            raise
        except PerfbudgetError as error:
            raise NoReferenceError(error.what, remedy=error.remedy) from None
        finally:
            self._spent += time.monotonic() - started

    @property
    def _left(self) -> float:
        """The seconds that further sizes may take."""
        return self._options.growth_cap - self._spent

    def _told(self) -> str:
        """For the launcher: ``sys.path`` is ours."""
        variable = self._invocation.variable(_HERE, os.environ)
        return json.dumps({"first": self._invocation.search_path(_HERE), "moved": {}, "variable": variable})
