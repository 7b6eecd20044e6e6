"""What a seeded database holds before any test has touched it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.model import Environment
from pytest_perfbudget.plans.relations import Ancestors
from pytest_perfbudget.postgres import catalogue, stamp
from pytest_perfbudget.postgres.profiles.readback import differences
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.server import Server
from pytest_perfbudget.postgres.templates import Template

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Facts:
    """The stamp of the seeded database, its tables' sizes in 8 kB pages, their names with and without schema, what each
    partition is a part of (``catalogue.ancestors``), their rows, and what is otherwise than profile and seed would have
    it."""

    environment: Environment
    pages: Mapping[str, int]
    tables: frozenset[str]
    ancestors: Ancestors
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()


def facts(connection: psycopg.Connection[Any], server: Server, seed: Seed, template: Template) -> Facts:
    """Those of the database of ``connection``, a clone of ``template``."""
    return Facts(
        stamp.environment(connection, server, seed),
        catalogue.pages(connection),
        catalogue.tables(connection),
        catalogue.ancestors(connection),
        catalogue.rows(connection),
        (*differences(connection, server.profile, server.major), *template.notes),
    )
