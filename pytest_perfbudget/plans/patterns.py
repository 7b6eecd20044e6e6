"""Patterns of budgets: ``Seq Scan on orders``, ``Sort < Limit``, ``Nested Loop > Seq Scan on *``.

    pattern := step | step (" < " step)+ | step (" > " step)+
    step    := ["Parallel "] type [" using " name] [" on " [name "."] name]

``A < B`` is A at any depth below B, ``A > B`` is A at any depth above B. A type is a node type, its text form
(``HashAggregate``, ``Hash Left Join``, ``Insert``) or a class: ``Index Access``, ``Join``, ``Scan``. A name is an
identifier, quoted where SQL would quote it; ``*`` in it stands for any characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from pytest_perfbudget.plans.labels import KNOWN, indexes, names
from pytest_perfbudget.plans.names import quoted, unquoted
from pytest_perfbudget.plans.node import Node, Plan
from pytest_perfbudget.plans.relations import Ancestors, Names, Path, Relations

_NAME = r'(?:"(?:[^"]|"")+"|[^\s".<>]+)'
_STEP = re.compile(
    rf"(?P<parallel>Parallel\s+)?(?P<type>[A-Za-z][A-Za-z ]*?)"
    rf"(?:\s+using\s+(?P<index>{_NAME}))?(?:\s+on\s+(?:(?P<schema>{_NAME})\.)?(?P<relation>{_NAME}))?",
    re.IGNORECASE,
)
_ARROW = re.compile(r"""\s*([<>])\s*(?=(?:[^"]*"[^"]*")*[^"]*\Z)""")
_FORMS = 'such as "Seq Scan on orders", "Sort < Limit" or "Nested Loop > Seq Scan on *"'
_BY_FOLD = {name.lower(): name for name in KNOWN}


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a pattern; ``index``, ``schema`` and ``relation`` are None where the pattern leaves them open."""

    type: str
    relation: str | None = None
    schema: str | None = None
    index: str | None = None
    parallel: bool = False

    def __str__(self) -> str:
        words = ["Parallel"] * self.parallel + [self.type]
        words += ["using", _written(self.index)] if self.index else []
        if self.relation:
            words += [
                "on",
                f"{_written(self.schema)}.{_written(self.relation)}" if self.schema else _written(self.relation),
            ]
        return " ".join(words)

    def fits(self, path: Path, relations: Relations) -> bool:
        """Whether the last node of ``path`` (root, …, parent, node) is what this step describes."""
        node = path[-1]
        return (
            self.type in names(node)
            and (node.parallel or not self.parallel)
            and (self.index is None or self._uses(node, relations))
            and (self.relation is None or self.reads(relations.names(path)))
        )

    def _uses(self, node: Node, relations: Relations) -> bool:
        return any(_like(self.index or "", index) for index in relations.indexes(indexes(node), node.schema))

    def reads(self, called: Names) -> bool:
        """Whether the step's table is among the names. Its schema is held against those that have one."""
        return any(
            _like(self.relation or "", name) and (self.schema is None or schema is None or _like(self.schema, schema))
            for schema, name in called
        )


@dataclass(frozen=True, slots=True)
class Pattern:
    """``steps`` in the order written; ``arrow`` stands between them: ``<`` below, ``>`` above, ``""`` for one step."""

    steps: tuple[Step, ...]
    arrow: str = ""

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """
        Raises:
            ValueError: in words for the user: an unknown node type (with the nearest), a missing part, mixed arrows.
        """
        parts = _ARROW.split(text.strip())
        arrows = set(parts[1::2])
        if len(arrows) > 1:
            raise ValueError(f"{text!r} mixes < and >: write one chain with one of them, {_FORMS}")
        return cls(tuple(_step(part, text) for part in parts[::2]), arrows.pop() if arrows else "")

    def __str__(self) -> str:
        return f" {self.arrow} ".join(map(str, self.steps))

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables it names, with the schema where written (``public.orders``), without those that hold ``*``."""
        named = [step for step in self.steps if step.relation and "*" not in step.relation]
        return tuple(
            dict.fromkeys(f"{step.schema}.{step.relation}" if step.schema else str(step.relation) for step in named)
        )

    @property
    def indexes(self) -> tuple[str, ...]:
        """The indexes it names, without those that hold ``*``."""
        return tuple(dict.fromkeys(step.index for step in self.steps if step.index and "*" not in step.index))

    def reads(self, plan: Plan, ancestors: Ancestors | None = None) -> bool:
        """Whether the plan reads, or writes, every table that the pattern names."""
        relations = Relations(plan, ancestors)
        called = [relations.names(path) for path in plan.root.walk_paths()]
        named = [step for step in self.steps if step.relation and "*" not in step.relation]
        return all(any(step.reads(names) for names in called) for step in named)

    def matches(self, plan: Plan, ancestors: Ancestors | None = None) -> tuple[Node, ...]:
        """The lowest node of every place that fits: the Sort of ``Sort < Limit``, the scan of ``Join > Seq Scan on *``.

        A pattern that names a table finds the scans of its partitions: all of them with the catalogue's ``ancestors``,
        without it those that their aliases tell of. A schema is held against plans of EXPLAIN (VERBOSE) alone; others
        do not show it and fit any.
        """
        *above, last = self.steps if self.arrow != "<" else self.steps[::-1]
        relations = Relations(plan, ancestors)
        paths = (path for path in plan.root.walk_paths() if last.fits(path, relations))
        return tuple(path[-1] for path in paths if _in_order(above, path, relations))


def _in_order(above: list[Step], path: Path, relations: Relations) -> bool:
    """Whether the ancestors hold the steps from the top down, each at any depth below the one before."""
    wanted = iter(above)
    step = next(wanted, None)
    for end in range(1, len(path)):
        if step is None:
            break
        if step.fits(path[:end], relations):
            step = next(wanted, None)
    return step is None


def _like(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name, re.DOTALL))


def _written(name: str | None) -> str:
    plain = (name or "").replace("*", "a")
    return quoted(name or "") if quoted(plain) != plain else name or ""


def _step(part: str, text: str) -> Step:
    match = _STEP.fullmatch(part.strip())
    if not match or re.search(r"\s(?:on|using)\s", match["type"]):
        place = f"a part of {text!r} is empty" if not part.strip() else f"{part.strip()!r} is not a node pattern"
        raise ValueError(f"{place}: write a node type, with a table where it matters, {_FORMS}")
    relation, schema, index = (match[key] and unquoted(match[key]) for key in ("relation", "schema", "index"))
    return Step(_known(match["type"]), relation, schema, index, bool(match["parallel"]))


def _known(written: str) -> str:
    name = " ".join(written.split())
    if name.lower() in _BY_FOLD:
        return _BY_FOLD[name.lower()]
    near = get_close_matches(name.lower(), _BY_FOLD, n=1)
    hint = f"; did you mean {_BY_FOLD[near[0]]}?" if near else f": write a node type of EXPLAIN, {_FORMS}"
    raise ValueError(f"{name!r} is not a node type of PostgreSQL{hint}")
