"""EXPLAIN (FORMAT JSON), or auto_explain's JSON, in whatever wrapping → ``Plan``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_perfbudget.errors import PlanError
from pytest_perfbudget.plans.documents import NODE, REMEDY, documents
from pytest_perfbudget.plans.node import Node, Plan

DEEPEST = 800
"""Lists and objects within each other: a plan of 400 levels. Beyond that the JSON reader gives up too."""

_NESTED = (dict, list)
_PLAIN = frozenset((str, int, float, bool, type(None)))
"""Most values are of these types, and that is told three times as fast as that they are not nested."""


def parse(document: str | bytes | dict[str, Any] | list[Any]) -> Plan:
    """The plan of the one statement in ``document``.

    Raises:
        PlanError: it holds no plan, or those of several statements.
    """
    plans = parse_all(document)
    if len(plans) > 1:
        raise PlanError(f"the document holds the plans of {len(plans)} statements", remedy="give one of them")
    return plans[0]


def parse_all(document: str | bytes | dict[str, Any] | list[Any]) -> tuple[Plan, ...]:
    """The plans of all statements in ``document``, at least one: wherever they are in it, in their order.

    The nodes hold parts of ``document`` itself, which is not to be changed afterwards.

    Raises:
        PlanError: it holds no plan, or a list of plans has an item that is none.
    """
    values = documents(document) if isinstance(document, str | bytes) else [document]
    plans = tuple(plan for value in values for plan in _statements(value))
    if not plans:
        raise PlanError(f"the document holds no plan: {_described(values[0])}", remedy=REMEDY)
    return plans


def _statements(value: Any) -> Iterable[Plan]:
    """EXPLAIN's list has an item for each statement; a mere word ("Notify") stands for one that is not planned."""
    if not isinstance(value, list):
        return _plans(value)
    items = [(item, list(_plans(item))) for item in value]
    plans = [plan for _, found in items for plan in found]
    for item, found in items:
        if plans and not found and not isinstance(item, str):
            raise PlanError(f"the document holds no plan: {_described(item)}", remedy=REMEDY)
    return plans


def _plans(value: Any) -> Iterable[Plan]:
    """The outermost plans under ``value``, in the order of the document; a string may hold a document of its own."""
    waiting = [(value, 0)]
    while waiting:
        held, depth = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep()
        if _is_node(held):
            yield Plan(_tree(held), {})
        elif isinstance(held, dict) and _is_node(held.get("Plan")):
            yield Plan(_tree(held["Plan"]), {key: other for key, other in held.items() if key != "Plan"})
        elif isinstance(held, dict) and "Node Type" in held:
            continue  # a node that cannot be read: what is beneath it is not the plan
        elif isinstance(held, _NESTED):
            inner = list(held.values() if isinstance(held, dict) else held)
            waiting.extend((item, depth + 1) for item in reversed(inner))
        elif isinstance(held, str) and NODE in held:
            waiting.extend((item, depth + 1) for item in reversed(documents(held)))


def _is_node(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    kind = value.get("Node Type")
    return isinstance(kind, str) and bool(kind.strip())


def _tree(root: dict[str, Any]) -> Node:
    """The node and those below it. Its children are the nodes under any key: Citus nests them in "Distributed Query".

    Without recursion: parents are listed before their children, and built after them.
    """
    found: list[dict[str, Any]] = []
    parents: list[int] = []
    waiting: list[tuple[Any, int, int]] = [(root, -1, 0)]
    while waiting:
        value, parent, depth = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep()
        if _is_node(value):
            found.append(value)
            parents.append(parent)
            parent = len(found) - 1
        inner = value.values() if isinstance(value, dict) else value
        nested = [held for held in inner if type(held) not in _PLAIN and isinstance(held, _NESTED)]
        waiting.extend([(held, parent, depth + 1) for held in reversed(nested)])
    return _built(found, parents)


def _built(found: list[dict[str, Any]], parents: list[int]) -> Node:
    """``found`` are the nodes' objects in the order of the document, ``parents`` the place of each one's parent."""
    last_first: dict[int, list[Node]] = {}
    for place in range(len(found) - 1, -1, -1):
        value = found[place]
        # A node without "Plans" keeps the object it was made of: the copy would be a third of the time.
        fields = {key: held for key, held in value.items() if key != "Plans"} if "Plans" in value else value
        children = tuple(reversed(last_first.pop(place, ())))
        node = Node(" ".join(value["Node Type"].split()), fields, children)
        last_first.setdefault(parents[place], []).append(node)
    return node


def _described(item: Any) -> str:
    if isinstance(item, dict):
        return f'an object without "Plan", its keys: {", ".join(map(repr, list(item)[:5])) or "none"}'
    if item == []:
        return "an empty list"
    return f"expected an object, found {type(item).__name__}"


def _too_deep() -> PlanError:
    return PlanError("the document is nested too deeply to be a plan", remedy=REMEDY)
