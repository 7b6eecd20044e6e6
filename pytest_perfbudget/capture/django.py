"""Django over a watched driver, which reports its statements: what belongs to Django and not to the application is left
out, and what the driver cannot know is added.

Savepoints are Django's way to nest ``atomic()``; as BEGIN and COMMIT of the outermost one, they are no statements of
the application, and neither are what a new connection is asked and told, and what a test case does around its test. A
statement that loads a relationship knows which; one that a template sends is shown at the template's line, one that is
awaited at the line that awaits it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.capture.imports import forget, when_imported
from pytest_perfbudget.pool.patching import Patches

if TYPE_CHECKING:
    from pytest_perfbudget.capture.hub import Hub

_ITS_OWN = ("connect", "is_usable", "_savepoint", "_savepoint_commit", "_savepoint_rollback")
"""Methods of a connection whose statements the application did not write."""
_OF_TESTS = ("_fixture_setup", "_fixture_teardown")
"""Those of Django's test cases, which unittest runs together with the test's body."""


class Django:
    """Not a driver, but watched like one. Nothing is imported: its classes are changed once the application has."""

    name = "django"

    def __init__(self) -> None:
        self._hub: Hub | None = None
        self._patches = Patches()
        self._modules: dict[str, Callable[[], None]] = {
            "django.db.backends.postgresql.base": self._patch_connections,
            "django.db.models.sql.compiler": self._patch_relations,
            "django.test.testcases": self._patch_tests,
            "django.template.base": self._patch_templates,
            "asgiref.sync": self._patch_threads,
        }
        self._installed = False

    def available(self) -> bool:
        """Whether Django is installed."""
        return "django" in sys.modules or find_spec("django") is not None

    def install(self, hub: Hub) -> None:
        """The first call changes the classes, or their import does."""
        self._hub = hub
        if not self._installed:
            self._installed = True
            for module, patch in self._modules.items():
                when_imported(module, patch)

    def uninstall(self) -> None:
        """The classes as they were."""
        self._hub = None
        for module, patch in self._modules.items():
            forget(module, patch)
        self._patches.undo()
        self._installed = False

    def _patch_connections(self) -> None:
        from django.db.backends.postgresql.base import DatabaseWrapper

        for name in _ITS_OWN:
            self._patches.wrap(DatabaseWrapper, name, self._muted)

    def _patch_tests(self) -> None:
        from django.test.testcases import TestCase, TransactionTestCase

        for kind in (TransactionTestCase, TestCase):
            for name in _OF_TESTS:
                if name in vars(kind):
                    self._patches.wrap(kind, name, self._muted)

    def _patch_relations(self) -> None:
        from pytest_perfbudget.capture import django_relations

        django_relations.patch(self._patches)

    def _patch_templates(self) -> None:
        from pytest_perfbudget.capture import django_templates

        django_templates.patch(self._patches)

    def _patch_threads(self) -> None:
        from pytest_perfbudget.capture import django_async

        django_async.patch(self._patches, lambda: self._hub)

    def _muted(self, original: Any) -> Any:
        if isinstance(original, classmethod):
            return classmethod(self._muted(original.__func__))

        @wraps(original)
        def method(*args: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            if self._hub is None:
                return original(*args, **options)
            with self._hub.mute():
                return original(*args, **options)

        return method
