"""EXPLAIN (FORMAT JSON), or auto_explain's JSON, → ``Plan``."""

from __future__ import annotations

import json
from typing import Any

from pytest_perfbudget.errors import PlanError
from pytest_perfbudget.plans.node import Node, Plan

REMEDY = "give the output of EXPLAIN (FORMAT JSON), of auto_explain with log_format=json, or its path"


def parse(document: str | bytes | dict[str, Any] | list[Any]) -> Plan:
    """The plan of the one statement in ``document``.

    Raises:
        PlanError: it is not JSON, holds no plan, or holds those of several statements.
    """
    plans = parse_all(document)
    if len(plans) > 1:
        raise PlanError(f"the document holds the plans of {len(plans)} statements", remedy="give one of them")
    return plans[0]


def parse_all(document: str | bytes | dict[str, Any] | list[Any]) -> tuple[Plan, ...]:
    """The plans of all statements in ``document``, at least one.

    Raises:
        PlanError: it is not JSON or holds something that is not a plan.
    """
    value = _load(document) if isinstance(document, str | bytes) else document
    items = value if isinstance(value, list) else [value]
    if not items:
        raise PlanError("the document holds no plan: an empty list", remedy=REMEDY)
    try:
        return tuple(_plan(item) for item in items)
    except RecursionError:
        raise PlanError("the document is nested too deeply to be a plan", remedy=REMEDY) from None


def _load(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise PlanError(f"the document is not JSON: {error.msg} at {where}", remedy=REMEDY) from None
    except UnicodeDecodeError:
        raise PlanError("the document is not text in UTF-8", remedy=REMEDY) from None
    except (ValueError, RecursionError) as error:
        raise PlanError(f"the document is not JSON we can read: {error}", remedy=REMEDY) from None


def _plan(item: Any) -> Plan:
    if _is_node(item):
        return Plan(_node(item), {})
    if isinstance(item, dict) and _is_node(item.get("Plan")):
        return Plan(_node(item["Plan"]), {key: value for key, value in item.items() if key != "Plan"})
    raise PlanError(f"the document holds no plan: {_described(item)}", remedy=REMEDY)


def _described(item: Any) -> str:
    if isinstance(item, dict):
        return f'an object without "Plan", its keys: {", ".join(map(repr, list(item)[:5])) or "none"}'
    return f"expected an object, found {type(item).__name__}"


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("Node Type"), str) and bool(value["Node Type"].strip())


def _node(value: dict[str, Any]) -> Node:
    """Its children are the nodes found under any key: Citus, for one, nests plans in "Distributed Query"."""
    children: list[Node] = []
    for held in value.values():
        if isinstance(held, dict | list):
            _collect(held, children)
    fields = {key: held for key, held in value.items() if key != "Plans"}
    return Node(" ".join(value["Node Type"].split()), fields, tuple(children))


def _collect(value: Any, found: list[Node]) -> None:
    if _is_node(value):
        found.append(_node(value))
    elif isinstance(value, dict | list):
        for held in value.values() if isinstance(value, dict) else value:
            _collect(held, found)
