"""The statements of a suite: its marked tests run in a pytest of their own, and what they send is handed over."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.model import Statement
from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.postgres.templates import attach
from pytest_perfbudget.session.against import child
from pytest_perfbudget.session.against.child import NoReferenceError
from pytest_perfbudget.session.against.parcel import Given, Order
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.succession import Succession
from pytest_perfbudget.statements import Kind, kind, one_line

_QUIET = {"xdist": "-n0", "pytest_cov": "--no-cov"}
"""Other plugins, and the option that keeps each from this run."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement of a test, with the parameters it had last, in the case it is of, if any."""

    test: str
    budget: str
    statement: Statement

    @property
    def name(self) -> str:
        """As it is shown: ``tests/test_orders.py::test_recent: SELECT …``, another one for each case."""
        case = f" case {self.statement.case}" if self.statement.case else ""
        return f"{self.test}{case}: {one_line(self.statement.sql)}"


def run(options: Options, arguments: Sequence[str]) -> Given:
    """Run pytest here, on the server of ``options``'s run, and take all that its marked tests sent.

    Raises:
        SettingsError: it ended without handing anything over; the last line of its output is in the text.
    """
    told = {"first": [str(Path.cwd())], "moved": {}, "variable": os.environ.get("PYTHONPATH", "")}
    quiet = [option for module, option in _QUIET.items() if find_spec(module)]
    order = Order.of(options, None, "")
    try:
        return child.run([*quiet, *arguments], json.dumps(told), Path.cwd(), _environment(options), order)
    except NoReferenceError as error:
        said = next((line for line in reversed(error.remedy.splitlines()) if line.strip()), "")
        words = error.what.replace("its run", "the run", 1)
        raise SettingsError(f"{words}: {said}" if said else words) from None


def _environment(options: Options) -> dict[str, str]:
    """Ours, without what would be taken for the database of the tests."""
    return {name: value for name, value in os.environ.items() if name not in options.env}


def statements(given: Given) -> tuple[list[Sent], dict[str, str]]:
    """What can be executed again and again, each text once with its parameters; and why the rest cannot, by test."""
    found: dict[tuple[object, ...], Sent] = {}
    why: dict[str, str] = {}
    for test, one in given.tests.items():
        if one.failed:
            why[test] = one.failed.splitlines()[0]
        for query in one.queries:
            last = query.last
            if kind(last.sql) is Kind.READ and not query.writes and not last.error:
                found.setdefault((last.sql, last.params), Sent(test, one.budget, last))
            elif kind(last.sql) is not Kind.UTILITY:
                why[f"{test}: {one_line(last.sql)}"] = f"it failed: {last.error}" if last.error else "it writes"
    return list(found.values()), why


@contextmanager
def seeded(server: Server, given: Given, name: str) -> Iterator[str]:
    """A database as the seed left it, for as long as the context.

    Raises:
        SettingsError: its template was dropped meanwhile.
    """
    template = attach(server, given.template)
    if template is None:
        raise SettingsError("the template of the suite's database was dropped by another run: try again")
    succession = Succession(server, template, name)
    try:
        yield succession.fresh("selfcheck").name
    finally:
        succession.close(keep=False)
