"""Which relationship a statement of Django's mapper loads, and the option of a queryset that loads it with its parents.

Imported once the application has imported Django's models, never before. The object that a foreign key or a one-to-one
points to is fetched at once. Related managers make querysets that are evaluated later, perhaps changed: their query
carries the relationship, through every copy, until it is executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.db.models.fields import related_descriptors as related
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

from pytest_perfbudget.capture.hub import ORIGIN
from pytest_perfbudget.model import Origin
from pytest_perfbudget.pool.patching import Patches

_CARRIED = "_perfbudget_relation"
Method = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Relation:
    """``model``.``accessor``, and what the query was like when the manager had made it."""

    model: str
    accessor: str
    filters: int
    rest: tuple[Any, ...]

    def origin(self, query: Any) -> Origin:
        """A queryset that was refined is not what ``prefetch_related("lines")`` loads."""
        same = (len(query.where.children), _rest(query)) == (self.filters, self.rest)
        option = f'"{self.accessor}"' if same else f'Prefetch("{self.accessor}", queryset=…)'
        return Origin(f"{self.model}.{self.accessor}", f"prefetch_related({option})")


def patch(patches: Patches) -> None:
    """Change the descriptors of relationships, and the compiler that executes queries."""
    patches.wrap(related.ForwardManyToOneDescriptor, "get_object", _forward)
    patches.wrap(related.ReverseOneToOneDescriptor, "__get__", _reverse_one)
    patches.wrap(related.ReverseManyToOneDescriptor, "__get__", _manager)
    patches.wrap(SQLCompiler, "execute_sql", _executed)


def _forward(original: Method) -> Method:
    @wraps(original)
    def get_object(self: Any, instance: Any) -> Any:
        __tracebackhide__ = True
        return _within(_selected(self.field.model, self.field.name), original, self, instance)

    return get_object


def _reverse_one(original: Method) -> Method:
    @wraps(original)
    def __get__(self: Any, instance: Any, cls: Any = None) -> Any:  # noqa: N807
        __tracebackhide__ = True
        if instance is None or self.is_cached(instance):
            return original(self, instance, cls)
        return _within(_selected(self.related.model, self.related.get_accessor_name()), original, self, instance, cls)

    return __get__


def _selected(model: Any, name: str) -> Origin:
    return Origin(f"{model.__name__}.{name}", f'select_related("{name}")')


def _within(origin: Origin, original: Method, *args: Any) -> Any:
    __tracebackhide__ = True
    token = ORIGIN.set(origin)
    try:
        return original(*args)
    finally:
        ORIGIN.reset(token)


def _manager(original: Method) -> Method:
    """Of a reverse foreign key, and of a many-to-many relationship seen from either side."""

    @wraps(original)
    def __get__(self: Any, instance: Any, cls: Any = None) -> Any:  # noqa: N807
        manager = original(self, instance, cls)
        if instance is not None:
            manager._apply_rel_filters = _carrying(manager, type(instance).__name__, _accessor(self))
        return manager

    return __get__


def _accessor(descriptor: Any) -> str:
    """The name a user writes: of a many-to-many field seen from its own model that of the field."""
    if getattr(descriptor, "reverse", True):
        return str(descriptor.rel.get_accessor_name() or descriptor.field.name)
    return str(descriptor.field.name)


def _carrying(manager: Any, model: str, accessor: str) -> Method:
    original = manager._apply_rel_filters

    def _apply_rel_filters(queryset: Any) -> Any:
        filters, rest = len(queryset.query.where.children) + len(manager.core_filters), _rest(queryset.query)
        found = original(queryset)
        # Not the property: reading it would apply the filter that Django puts off.
        setattr(found._query, _CARRIED, _Relation(model, accessor, filters, rest))
        return found

    return _apply_rel_filters


def _rest(query: Any) -> tuple[Any, ...]:
    """What filters do not tell. ``count()`` and ``exists()``, which leave out the columns, need none of it."""
    if not query.default_cols:
        return ()
    return query.order_by, query.distinct, query.low_mark, query.high_mark


def _executed(original: Method) -> Method:
    @wraps(original)
    def execute_sql(self: Any, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        relation = vars(self.query).get(_CARRIED)
        if relation is None or type(self.query) is not Query:
            return original(self, *args, **options)
        token = ORIGIN.set(relation.origin(self.query))
        try:
            return original(self, *args, **options)
        finally:
            ORIGIN.reset(token)

    return execute_sql
