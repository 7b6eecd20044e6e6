"""One embedded server for the tests that only need some PostgreSQL, and folders its user can reach."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_perfbudget.postgres import Request, Server
from pytest_perfbudget.postgres.clones import Clone, clone, drop
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.templates import ensure

EMBEDDED = Embedded()


def start(**fields: object) -> Server:
    """An embedded server of a run of its own, unless told which."""
    request = Request(**{"run": uuid.uuid4().hex, **fields})  # type: ignore[arg-type]
    assert EMBEDDED.refusal(request) is None
    return EMBEDDED.start(request)


@pytest.fixture(scope="session")
def cache() -> Iterator[Path]:
    """Not below pytest's own folder, which only its owner can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="pb-cache-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(cache: Path) -> Iterator[Server]:
    server = start(cache=str(cache))
    yield server
    server.close()


@pytest.fixture
def cloned(server: Server, tmp_path: Path) -> Iterator[Callable[[str], Clone]]:
    """A clone of a database seeded with the SQL given."""
    made: list[Clone] = []

    def make(sql: str) -> Clone:
        (tmp_path / "seed.sql").write_text(sql)
        template = ensure(server, Seed.of(["seed.sql"], tmp_path))
        made.append(clone(server, template, f"perfbudget_test_{len(made)}"))
        return made[-1]

    yield make
    for each in made:
        drop(server, each.name)
