"""Fixtures made to order: a database of another seed, scope or major."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from pytest_perfbudget.postgres.seeders import Entry
    from pytest_perfbudget.session.succession import Database

Scope = Literal["function", "class", "module", "package", "session"]

_MAJORS = range(14, 19)


def perf_db_factory(
    *,
    seed: Entry | Sequence[Entry] | None = None,
    scope: Scope = "function",
    postgres: int | Sequence[int] | None = None,
    name: str | None = None,
) -> Any:
    """A fixture that gives a seeded database: ``.dsn``, ``.name``. Assign it in a conftest or a test module.

    Args:
        seed: the steps of its seed, or one alone, as in ``[tool.perfbudget]``; None is the project's, ``[]`` an empty
            database.
        scope: pytest's; the tests of one scope share the database and see what the others wrote.
        postgres: a major, or several: then each test that uses the fixture runs once on each of them.
        name: pytest's name of the fixture, if it is not that of the variable.

    Budgets are held on ``perf_db`` alone: statements sent to this database are not counted.

    Raises:
        ValueError: a major that is not known; a list of none.
    """
    majors = _majors(postgres)
    # One step alone is a seed of one, as in the settings.
    steps, key = None if seed is None else (seed,) if isinstance(seed, str | Mapping) else tuple(seed), object()

    def database(request: pytest.FixtureRequest) -> Database:
        """A seeded database, made by perf_db_factory."""
        from pytest_perfbudget.plugin import state_of
        from pytest_perfbudget.plugin.lifecycle import as_failure

        major = getattr(request, "param", majors[0])
        with as_failure():
            succession = state_of(request.config).place_of(major).beside(key, steps)
            succession.open()
            return succession.fresh(f"{scope} {request.node.nodeid}")

    if len(majors) == 1:
        return pytest.fixture(scope=scope, name=name)(database)
    return pytest.fixture(scope=scope, name=name, params=majors, ids=[f"pg{major}" for major in majors])(database)


def _majors(postgres: int | Sequence[int] | None) -> tuple[int | None, ...]:
    if postgres is None:
        return (None,)
    majors: tuple[Any, ...] = tuple(postgres) if isinstance(postgres, list | tuple | range) else (postgres,)
    if not majors or not all(isinstance(major, int) and major in _MAJORS for major in majors):
        shown = ", ".join(map(repr, majors)) or postgres
        raise ValueError(f"postgres={shown}: give {', '.join(map(str, _MAJORS))}")
    return majors
