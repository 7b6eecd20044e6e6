"""The line of every key and list element of a TOML text; ``tomllib`` gives values without them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_perfbudget.budgets.places import Path

if TYPE_CHECKING:
    from tree_sitter import Node

_BARE = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Repeat:
    """Something defined a second time on ``line``; ``first`` is the line of the first."""

    path: Path
    first: int
    line: int
    table: bool


def positions(text: str) -> Positions:
    """Reads as much as can be read: a text that is not TOML gives the positions of its sound parts."""
    import tree_sitter
    import tree_sitter_toml

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    found = Positions()
    found.document(parser.parse(text.encode()).root_node)
    return found


class Positions:
    """``lines`` (from 1) and ``texts`` by path; ``repeats`` in the order of the file."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.texts: dict[Path, str] = {}
        self.repeats: list[Repeat] = []
        self._defined: dict[Path, int] = {}
        # Tables that a dotted key makes on its way (work of work.buffers): TOML forbids a header for them.
        self._dotted: dict[Path, int] = {}
        self._elements: dict[Path, int] = {}

    def document(self, root: Node) -> None:
        """Takes in the tree of a whole file."""
        for node in root.named_children:
            match node.type:
                case "pair":
                    self._pair(node, ())
                case "table":
                    self._table(node, self._resolve(_keys(node)))
                case "table_array_element":
                    self._table(node, self._element(_keys(node)))

    def _resolve(self, keys: tuple[str, ...]) -> Path:
        """``[recent.waive.x]`` after ``[[recent.waive]]`` is inside the latest element."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._elements:
                path = (*path, self._elements[path])
        return path

    def _element(self, keys: tuple[str, ...]) -> Path:
        path = (*self._resolve(keys[:-1]), *keys[-1:])
        self._elements[path] = self._elements.get(path, -1) + 1
        return (*path, self._elements[path])

    def _table(self, node: Node, path: Path) -> None:
        self._define(path, path, _line(node), table=True)
        for child in node.named_children:
            if child.type == "pair":
                self._pair(child, path)

    def _pair(self, node: Node, base: Path) -> None:
        keys, value = _keys(node), node.named_children[-1]
        path = (*base, *keys)
        self._define(path, base, _line(node), table=False)
        self._value(value, path)

    def _value(self, node: Node, path: Path) -> None:
        self.texts[path] = _text(node)
        if node.type == "array":
            elements = [child for child in node.named_children if child.type != "comment"]
            for index, element in enumerate(elements):
                self.lines[(*path, index)] = _line(element)
                self._value(element, (*path, index))
        elif node.type == "inline_table":
            for child in node.named_children:
                if child.type == "pair":
                    self._pair(child, path)

    def _define(self, path: Path, base: Path, line: int, *, table: bool) -> None:
        first = self._defined.get(path) or (self._dotted.get(path) if table else None)
        if first is not None:
            self.repeats.append(Repeat(path, first, line, table))
        else:
            self._defined[path] = self.lines[path] = line
        for length in range(1, len(path)):
            self.lines.setdefault(path[:length], line)
        for length in range(len(base) + 1, len(path)):
            self._dotted.setdefault(path[:length], line)


def _keys(node: Node) -> tuple[str, ...]:
    """The parts of a key, quotes and escapes undone."""
    text = _text(node.named_children[0]) if node.named_children else ""
    if _BARE.fullmatch(text):
        return tuple(text.split("."))
    return tuple(_decoded(text))


def _decoded(text: str) -> list[str]:
    try:
        table = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return [text]
    parts = []
    while isinstance(table, dict):
        (part, table), *_ = table.items()
        parts.append(part)
    return parts


def _text(node: Node) -> str:
    return node.text.decode() if node.text else ""


def _line(node: Node) -> int:
    return node.start_point[0] + 1
