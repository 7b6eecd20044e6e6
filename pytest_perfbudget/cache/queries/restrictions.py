"""What a plan says of the rows it reads: that each scan of a table lets through those with certain values only.

The generic plan gives the statement's result for every state of the tables and every parameter. So where each of its
scans of a table has a condition ``column = value`` that all of its rows must pass, the result is a function of the rows
with these values, and of no other row of the table. What cannot be read is no restriction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_perfbudget.cache.queries.keys import Key, Operand
from pytest_perfbudget.statements.tokens import tokens

Columns = Mapping[str, tuple[int, str]]
"""A key column's name → its number, and the kind of its type."""

_SCANS = frozenset(("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"))
_OPAQUE = frozenset(("Custom Scan", "Foreign Scan"))
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")
_CASTS = {"int": {"int2", "int4", "int8"}, "text": {"text"}, "uuid": {"uuid"}}
_RETURNED = re.compile(r"\$(\d+)")  # by an InitPlan, in its name: up to PostgreSQL 16 written as parameters are
_INT = re.compile(r"-?\d+")
_INT_ARRAY = re.compile(r"\{-?\d+(?:,-?\d+)*\}")


def restricted(
    plan: Any, declared: Mapping[tuple[str, str], tuple[str, Columns]], parameters: int
) -> dict[str, tuple[Key, ...]]:
    """The tables that ``plan`` (EXPLAIN's JSON, VERBOSE) reads by key alone, by oid.

    ``declared`` has for a schema and a name the oid and the key columns; ``parameters`` is how many the statement has.
    """
    nodes = list(_nodes(plan))
    if any(node["Node Type"] in _OPAQUE for node in nodes):
        return {}
    returned = {int(one) for node in nodes for one in _RETURNED.findall(node.get("Subplan Name", ""))}
    known = frozenset(range(1, parameters + 1)) - returned
    found: dict[str, list[Key | None]] = {}
    for node in nodes:
        if table := declared.get((node.get("Schema", ""), node.get("Relation Name", ""))):
            oid, columns = table
            found.setdefault(oid, []).append(_key(node, columns, known))
    return {oid: tuple(key for key in keys if key) for oid, keys in found.items() if None not in keys}


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, list):
        for part in plan:
            yield from _nodes(part)
    elif isinstance(plan, dict):
        if "Node Type" in plan:
            yield plan
        for part in plan.values():
            yield from _nodes(part)


def _key(node: dict[str, Any], columns: Columns, parameters: frozenset[int]) -> Key | None:
    """The first of the columns that a condition of the scan restricts to constants and these parameters."""
    if node["Node Type"] not in _SCANS:
        return None
    found: dict[str, Key] = {}
    for text in filter(None, map(node.get, _CONDITIONS)):
        for part in _conjuncts(text):
            equal = _equality(part, node["Alias"], columns)
            if equal and parameters.issuperset(one.parameter for one in equal[1].operands if one.parameter):
                found.setdefault(*equal)
    return next((found[name] for name in columns if name in found), None)


def _conjuncts(text: str) -> Iterator[str]:
    """The parts of a condition that are joined by AND at its top; a reference to a subplan is no SQL, and in a part of
    its own."""
    pieces = list(tokens(text))
    while _enclosed([piece.text for piece in pieces]):
        pieces = pieces[1:-1]
    depth, start = 0, 0
    for place, piece in enumerate(pieces):
        depth += (piece.text == "(") - (piece.text == ")")
        if not depth and piece.text in ("or", "case"):
            return
        if not depth and piece.text == "and":
            yield text[pieces[start].start : pieces[place - 1].end]
            start = place + 1
    if start < len(pieces):
        yield text[pieces[start].start : pieces[-1].end]


def _enclosed(pieces: list[str]) -> bool:
    """Whether the first parenthesis is closed by the last one."""
    depth = 0
    for place, piece in enumerate(pieces):
        depth += (piece == "(") - (piece == ")")
        if not depth:
            return piece == ")" and place == len(pieces) - 1
    return False


def _equality(text: str, alias: str, columns: Columns) -> tuple[str, Key] | None:
    """The column, and the key that ``column = value`` or ``column = ANY (values)`` is."""
    compared = _parsed(text).get("A_Expr")
    if not compared or [one.get("String", {}).get("sval") for one in compared["name"]] != ["="]:
        return None
    left, right = compared.get("lexpr", {}), compared.get("rexpr", {})
    if compared["kind"] not in ("AEXPR_OP", "AEXPR_OP_ANY"):
        return None
    for column, value in ((left, right), (right, left))[: 1 if compared["kind"] == "AEXPR_OP_ANY" else 2]:
        if name := _column(column, alias, columns):
            number, kind = columns[name]
            operands = _several(value, kind) if compared["kind"] == "AEXPR_OP_ANY" else _one(value, kind)
            return (name, Key(number, kind, operands)) if operands is not None else None
    return None


def _parsed(text: str) -> dict[str, Any]:
    import pgparse

    try:
        (parsed,) = pgparse.parse(f"SELECT 1 WHERE {text}")
    except (pgparse.PGQueryError, ValueError):
        return {}
    found = parsed["stmt"].get("SelectStmt", {}).get("whereClause", {})
    return found if isinstance(found, dict) else {}


def _column(tree: Any, alias: str, columns: Columns) -> str:
    """The key column that an operand is, bare or a varchar as text."""
    if (cast := tree.get("TypeCast")) and _type(cast) == "text":
        tree = cast["arg"]
    fields = [field.get("String", {}).get("sval") for field in tree.get("ColumnRef", {}).get("fields", ())]
    if len(fields) == 2 and fields[0] == alias and fields[1] in columns:
        return str(fields[1]) if not cast or columns[fields[1]][1] == "text" else ""
    return ""


def _type(cast: dict[str, Any]) -> str:
    """The name of the type that a value is cast to; with an array's brackets, empty with a length."""
    name = cast["typeName"]
    if name.get("typmods"):
        return ""
    return str(name["names"][-1]["String"]["sval"]) + "[]" * len(name.get("arrayBounds", ()))


def _one(tree: Any, kind: str) -> tuple[Operand] | None:
    """A parameter, or a constant; of integers also as another integer, other casts may change a value."""
    cast = False
    while inner := tree.get("TypeCast"):
        if _type(inner) not in _CASTS[kind]:
            return None
        cast, tree = True, inner["arg"]
    if number := tree.get("ParamRef", {}).get("number"):
        return (Operand(parameter=number),) if kind == "int" or not cast else None
    constant = tree.get("A_Const", {})
    if kind == "int" and "ival" in constant:
        return (Operand(constant=str(constant["ival"].get("ival", 0))),)
    text = constant.get("sval", {}).get("sval")
    return (Operand(constant=text),) if cast and text is not None and (kind != "int" or _INT.fullmatch(text)) else None


def _several(tree: Any, kind: str) -> tuple[Operand, ...] | None:
    if number := tree.get("ParamRef", {}).get("number"):
        return (Operand(parameter=number, several=True),)
    if "A_ArrayExpr" in tree:
        each = [_one(element, kind) for element in tree["A_ArrayExpr"].get("elements", ())]
        return tuple(one[0] for one in each if one) if None not in each else None
    cast = tree.get("TypeCast", {})
    if cast and kind == "int" and _type(cast) in {f"{name}[]" for name in _CASTS[kind]}:
        text = cast["arg"].get("A_Const", {}).get("sval", {}).get("sval", "")
        if _INT_ARRAY.fullmatch(text):
            return tuple(Operand(constant=one) for one in text[1:-1].split(","))
    return None
