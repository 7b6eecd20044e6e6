"""Django in a process's database: it is Django's test database as it is, and Django lets go of it before it is renewed.

``setup_databases``, which pytest-django and Django's own runner call, would make a database ``test_…`` beside it and
migrate that. Where the settings name the database of this process, whose seed has migrated it, it is the one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.pool.patching import Patches

_MODULE = "django.db.backends.base.creation"


class DjangoTenant:
    """One per database. Nothing of Django is imported."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._patches = Patches()

    def move_in(self) -> None:
        """From now on, or once Django is imported, the database is its test database."""
        when_imported(_MODULE, self._patch)

    def move_out(self) -> None:
        """Django makes test databases of its own again."""
        forget(_MODULE, self._patch)
        self._patches.undo()

    def leave(self) -> bool:
        """Close this thread's connections to the database. False, and nothing is closed, where one is in a transaction
        that spans several tests: that of a ``django.test.TestCase``."""
        module = sys.modules.get("django.db")
        if module is None or not _configured():
            return True
        found = [c for c in module.connections.all(initialized_only=True) if _name(c) == self._database]
        if any(connection.in_atomic_block for connection in found):
            return False
        for connection in found:
            connection.close()
            getattr(connection, "close_pool", _nothing)()  # since 5.1: a pool keeps what is closed
        return True

    def _patch(self) -> None:
        from django.db.backends.base.creation import BaseDatabaseCreation

        self._patches.wrap(BaseDatabaseCreation, "create_test_db", self._taken)
        self._patches.wrap(BaseDatabaseCreation, "destroy_test_db", self._left)

    def _taken(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def create_test_db(creation: Any, *args: Any, **options: Any) -> Any:
            if _name(creation.connection) != self._database:
                return original(creation, *args, **options)
            creation.connection.close()
            _check(creation.connection)
            creation.connection.ensure_connection()
            return self._database

        return create_test_db

    def _left(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def destroy_test_db(creation: Any, *args: Any, **options: Any) -> Any:
            if _name(creation.connection) != self._database:
                return original(creation, *args, **options)
            return creation.connection.close()

        return destroy_test_db


def _nothing() -> None:
    """Of a connection that has no pool."""


def _name(connection: Any) -> object:
    return connection.settings_dict["NAME"]


def _configured() -> bool:
    from django.conf import settings

    return bool(settings.configured)


def _check(connection: Any) -> None:
    """Refuse a database that lacks migrations: its next clone would lack them again.

    Raises:
        SeedError: which are missing, and the step that makes them.
    """
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:3])
        more = f" and {len(plan) - 3} more" if len(plan) > 3 else ""
        step = '{ run = "python manage.py migrate", files = ["**/migrations/*.py"] }'
        raise SeedError(
            f"the seed has not migrated Django's database: {names}{more} missing",
            remedy=f"add to seed in [tool.perfbudget]: {step}",
        )
