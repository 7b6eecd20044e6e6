"""The reference page of all rules, made of their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from pytest_perfbudget.rules.base import Rule

_HEAD = """# Plan rules

A rule names something a plan does. It fails no test by itself: when a statement has become worse than its baseline,
the rules that fire on the new plan and not on the recorded one say what happened. A rule's code can be waived.
"""


def reference(rules: Iterable[Rule]) -> str:
    """The page in Markdown, a section per rule in the order given."""
    return "\n".join([_HEAD, *(_section(rule) for rule in rules)])


def _section(rule: Rule) -> str:
    lines = inspect.cleandoc(rule.page).splitlines()[1:]
    parts = [_part(title, body) for title, body in _parts(lines)]
    return "\n\n".join([f"## {rule.code} {rule.name}", *parts, f"**Needs** {', '.join(sorted(rule.needs))}.\n"])


def _parts(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The titles stand at the margin, their text is indented beneath."""
    title, body = "", list[str]()
    for line in [*lines, "end"]:
        if line and not line.startswith(" "):
            if title:
                yield title, body
            title, body = line, []
        else:
            body.append(line.removeprefix("    "))


def _part(title: str, body: list[str]) -> str:
    text = "\n".join(body).strip("\n")
    shown = f"```text\n{text}\n```" if title in ("Example", "Options") else text
    return f"**{title}**\n\n{shown}"
