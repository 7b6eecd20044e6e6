"""The statements of the recorded baselines, planned under two sets of settings. Nothing is executed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.plans.work import cost
from pytest_perfbudget.postgres.generic import generic_plan
from pytest_perfbudget.statements import Kind, kind

if TYPE_CHECKING:
    import psycopg

_SET = "select set_config(%s, %s, false)"


@dataclass(frozen=True, slots=True)
class Statement:
    """A recorded statement; ``id`` is its identity."""

    budget: str
    id: str
    sql: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan as its tree, cost and the workers it asks for; ``failed`` is why there is none."""

    tree: tuple[str, ...] = ()
    cost: float = 0.0
    workers: int = 0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Replanned:
    """One statement under the settings of now and under those proposed."""

    statement: Statement
    now: Planned
    then: Planned

    @property
    def changed(self) -> bool:
        """Whether the plan is another one, or asks for other workers."""
        return (self.now.tree, self.now.workers) != (self.then.tree, self.then.workers)


def recorded(budgets: Path, major: int) -> tuple[Path | None, list[Statement]]:
    """The folder of the baselines of this major, else of the newest recorded, None without any; and the statements in
    them, each once per budget.

    Raises:
        BaselineError: a file cannot be read.
    """
    folder = budgets / "baselines"
    majors = [int(path.name[2:]) for path in folder.glob("pg*") if path.name[2:].isdecimal() and any(path.iterdir())]
    if not majors:
        return None, []
    chosen = major if major in majors else max(majors)
    found: dict[tuple[str, str], Statement] = {}
    for budget, baseline in sorted(Store(folder, Path.cwd()).load_all(chosen).items()):
        for query in (query for test in baseline.tests.values() for query in test.queries):
            if kind(query.sql) is not Kind.UTILITY:
                found.setdefault((budget, query.id), Statement(budget, query.id, query.sql))
    return folder / f"pg{chosen}", list(found.values())


def replan(
    connection: psycopg.Connection, statements: Sequence[Statement], settings: Mapping[str, str]
) -> list[Replanned]:
    """Each statement before and after ``settings`` are set on this connection."""
    before = list(_planned(connection, statements))
    for name, value in settings.items():
        connection.execute(_SET, [name, value])
    after = list(_planned(connection, statements))
    return [Replanned(*three) for three in zip(statements, before, after, strict=True)]


def _planned(connection: psycopg.Connection, statements: Iterable[Statement]) -> Iterator[Planned]:
    import psycopg

    for statement in statements:
        try:
            document = generic_plan(connection, statement.sql)
        except psycopg.Error as error:
            yield Planned(failed=" ".join(str(error.diag.message_primary or error).split()))
            continue
        plan = parse(document)
        yield Planned(tree(plan), cost(plan), _workers(document))


def _workers(document: Any) -> int:
    """All that the plan asks for, wherever its Gathers are."""
    if isinstance(document, list):
        return sum(map(_workers, document))
    if not isinstance(document, dict):
        return 0
    return int(document.get("Workers Planned", 0)) + sum(map(_workers, document.values()))
