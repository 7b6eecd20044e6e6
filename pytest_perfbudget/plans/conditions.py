"""The conditions and sort keys of a node, read with PostgreSQL's own grammar: what is compared with what.

EXPLAIN writes expressions as SQL, except for references to subplans; those become parameters. What cannot be read all
the same has no comparisons: a rule then finds nothing, it does not guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_SUBPLANS = (
    (re.compile(r"\b(?:hashed )?(?:SubPlan|InitPlan) \d+\b(?: \(returns [^)]*\))?"), "$1"),
    (re.compile(r"(?<=\()(?:ANY|ALL) \("), "subplan_any ("),
    (re.compile(r"\bEXISTS\("), "subplan_exists("),
)
"""References to subplans, which are no SQL, and what stands for them: a parameter, a function."""

_TRANSPARENT = ("location", "typemod", "funcformat")
"""What two spellings of one expression may differ in."""


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison.

    ``columns`` are those in it, as (qualifier or None, name). ``plain`` says that it is a bare column. ``cast`` is the
    type (PostgreSQL's internal name, ``int8``) that a bare column is cast to. ``shape`` is equal for two spellings of
    one expression, whatever the qualifiers.
    """

    columns: tuple[tuple[str | None, str], ...]
    plain: bool
    cast: str | None
    shape: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``; ``= ANY`` and ``IN`` have the operator ``=`` and ``several`` set."""

    operator: str
    left: Operand
    right: Operand
    several: bool = False

    @property
    def operands(self) -> tuple[tuple[Operand, Operand], ...]:
        """Each side with the other."""
        return ((self.left, self.right), (self.right, self.left))


@dataclass(frozen=True, slots=True)
class SortKey:
    """A key of a Sort and its direction; ``nulls_first`` includes PostgreSQL's default for the direction."""

    operand: Operand
    descending: bool
    nulls_first: bool


@lru_cache(maxsize=1024)
def comparisons(text: str) -> tuple[Comparison, ...]:
    """The comparisons that every row must pass: those joined by AND, not those inside OR or NOT."""
    for pattern, name in _SUBPLANS:
        text = pattern.sub(name, text)
    where = _parsed(f"SELECT 1 WHERE {text}", "whereClause")
    return tuple(_comparisons(where)) if where else ()


@lru_cache(maxsize=1024)
def sort_key(text: str) -> SortKey | None:
    """``placed DESC NULLS LAST`` read back; None where it cannot be."""
    keys = _parsed(f"SELECT 1 ORDER BY {text}", "sortClause")
    if not keys or len(keys) > 1:
        return None
    by = keys[0]["SortBy"]
    descending = by.get("sortby_dir") == "SORTBY_DESC"
    nulls = by.get("sortby_nulls")
    first = nulls == "SORTBY_NULLS_FIRST" or (descending and nulls != "SORTBY_NULLS_LAST")
    return SortKey(_operand(by["node"]), descending, first)


@lru_cache(maxsize=1024)
def expression(text: str) -> Operand | None:
    """An index's expression, to be compared with operands by its shape; None where it cannot be read."""
    selected = _parsed(f"SELECT {text}", "targetList")
    return _operand(selected[0]["ResTarget"]["val"]) if selected else None


def _parsed(sql: str, clause: str) -> Any:
    """A clause of the one SELECT in ``sql``; None where that is no SQL, or something else."""
    import pgparse

    try:
        (parsed,) = pgparse.parse(sql)
    except (pgparse.PGQueryError, ValueError):
        return None
    return parsed["stmt"].get("SelectStmt", {}).get(clause)


def _comparisons(tree: dict[str, Any]) -> Iterator[Comparison]:
    boolean, compared = tree.get("BoolExpr"), tree.get("A_Expr")
    if boolean and boolean["boolop"] == "AND_EXPR":
        for part in boolean["args"]:
            yield from _comparisons(part)
    elif compared and "lexpr" in compared and "rexpr" in compared:
        operator = compared["name"][-1]["String"]["sval"]
        several = compared["kind"] in ("AEXPR_OP_ANY", "AEXPR_IN")
        yield Comparison(operator, _operand(compared["lexpr"]), _operand(compared["rexpr"]), several)


def _operand(tree: Any) -> Operand:
    cast = tree.get("TypeCast") if isinstance(tree, dict) else None
    inner = cast["arg"] if cast else tree
    bare = isinstance(inner, dict) and "ColumnRef" in inner
    return Operand(
        columns=tuple(dict.fromkeys(_columns(tree))),
        plain=bare and not cast,
        cast=cast["typeName"]["names"][-1]["String"]["sval"] if cast and bare else None,
        shape=json.dumps(_stripped(tree), sort_keys=True),
    )


def _columns(tree: Any) -> Iterator[tuple[str | None, str]]:
    if isinstance(tree, list):
        for part in tree:
            yield from _columns(part)
    elif isinstance(tree, dict):
        fields = [field.get("String", {}).get("sval") for field in tree.get("ColumnRef", {}).get("fields", ())]
        if fields and fields[-1]:
            yield (fields[-2] if len(fields) > 1 else None, fields[-1])
        for key, part in tree.items():
            if key != "ColumnRef":
                yield from _columns(part)


def _stripped(tree: Any) -> Any:
    """Without places, qualifiers, ``pg_catalog`` and what else two spellings differ in."""
    if isinstance(tree, list):
        return [_stripped(part) for part in tree if part != {"String": {"sval": "pg_catalog"}}]
    if not isinstance(tree, dict):
        return tree
    if "ColumnRef" in tree:
        return {"ColumnRef": _stripped(tree["ColumnRef"]["fields"][-1])}
    return {key: _stripped(part) for key, part in tree.items() if key not in _TRANSPARENT}
