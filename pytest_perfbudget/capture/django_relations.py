"""Which relationship a statement of Django's mapper loads, and the option of a queryset that loads it with its parents.

Imported once the application has imported Django's models, never before. The object that a foreign key or a one-to-one
points to is fetched at once. Related managers make querysets that are evaluated later, perhaps changed: their query
carries the relationship, through every copy, until it is executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
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
        same = len(query.where.children) == self.filters and _rest(query) in (self.rest, ())
        option = f'"{self.accessor}"' if same else f'Prefetch("{self.accessor}", queryset=…)'
        return Origin(f"{self.model}.{self.accessor}", f"prefetch_related({option})")


def patch(patches: Patches) -> None:
    """Change the descriptors of relationships, and the compiler that executes queries."""
    patches.wrap(related.ForwardManyToOneDescriptor, "get_object", _forward)
    patches.wrap(related.ReverseOneToOneDescriptor, "__get__", _reverse_one)
    patches.wrap(related.ReverseManyToOneDescriptor, "__get__", partial(_manager, patches=patches, known=set()))
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


def _manager(original: Method, patches: Patches, known: set[type[Any]]) -> Method:
    """Of a reverse foreign key, and of a many-to-many relationship seen from either side: Django makes a class for
    each, when it is first asked for."""

    @wraps(original)
    def __get__(self: Any, instance: Any, cls: Any = None) -> Any:  # noqa: N807
        manager = original(self, instance, cls)
        kind = type(manager)
        if instance is not None and kind not in known:
            known.add(kind)
            model, accessor = _names(self)
            patches.cover(kind, "_apply_rel_filters", partial(_carrying, model=model, accessor=accessor))
            if hasattr(kind, "constrained_target"):
                for name in ("count", "exists"):  # they ask the table between the two models, where they can
                    patches.cover(kind, name, partial(_counting, model=model, accessor=accessor))
        return manager

    return __get__


def _names(descriptor: Any) -> tuple[str, str]:
    """The model and what a user writes after its objects. A many-to-many field seen from its own model, or a generic
    relation, is called as the field is."""
    accessor = descriptor.rel.get_accessor_name() if getattr(descriptor, "reverse", True) else None
    if accessor and accessor != "+":
        return descriptor.rel.model.__name__, accessor
    return descriptor.field.model.__name__, descriptor.field.name


def _carrying(original: Method, model: str, accessor: str) -> Method:
    @wraps(original)
    def _apply_rel_filters(self: Any, queryset: Any) -> Any:
        filters, rest = len(queryset.query.where.children) + len(self.core_filters), _rest(queryset.query)
        found = original(self, queryset)
        # Not the property: reading it would apply the filter that Django puts off.
        setattr(found._query, _CARRIED, _Relation(model, accessor, filters, rest))
        return found

    return _apply_rel_filters


def _counting(original: Method, model: str, accessor: str) -> Method:
    @wraps(original)
    def count(self: Any) -> Any:
        __tracebackhide__ = True
        return _within(Origin(f"{model}.{accessor}", f'prefetch_related("{accessor}")'), original, self)

    return count


def _rest(query: Any) -> tuple[Any, ...]:
    """What filters do not tell; empty for ``count()`` and ``exists()``, which leave out the columns."""
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
