"""The reference page of all rules, made of their docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping

from pytest_perfbudget.rules.base import Rule
from pytest_perfbudget.rules.subject import EVIDENCE

_HEAD = """# Plan rules

A rule names something a plan does. By itself it fails no test: when a statement has become worse than its baseline, the
rules that find something in the new plan, and not at the same node of the recorded one, say what happened.

A budget that names a rule makes it a promise:

```toml
[recent]
plan.rules = { PB201 = "on", PB203 = { rows = 500 }, PB305 = "off" }
```

| written | a finding | without its evidence |
|---|---|---|
| `"on"`, or options of the rule | `over`: fails the test, unless waived | `unjudged`, with what is missing |
| `"off"` | none; it explains nothing either | |
| not named | explains a regression | nothing is said; `--perf-explain` and the JSON report list it |

`[suite]` holds defaults: rule by rule, what a budget writes stands in place of the default. `query.NAME` can add rules
for its statements and turn none off. A waiver names a rule by its code.

Evidence is gathered where a rule that needs it is asked: the catalogue is read once per seeded database, and a
statement is planned again (`enable_seqscan = off`, without its parameters' values) only for a budget that names the
rule, or to explain a regression. `perfbudget plan FILE` has the plan alone.
"""

_OPTION = re.compile(r"(\w+) {2,}(.*)")


def reference(rules: Iterable[Rule]) -> str:
    """The page in Markdown: what rules are, a table of them, then a section each, in the order given."""
    rules = tuple(rules)
    return "\n".join([_HEAD, *_table(rules), "", *(_section(rule) for rule in rules)])


def _table(rules: tuple[Rule, ...]) -> Iterator[str]:
    yield from ("| rule | needs | options |", "|---|---|---|")
    for rule in rules:
        options = ", ".join(f"`{name} = {value:g}`" for name, value in rule.thresholds.items()) or "none"
        yield f"| [{rule.code} {rule.name}](#{rule.code.lower()}-{rule.name}) | {_needs(rule)} | {options} |"


def _needs(rule: Rule) -> str:
    """In words; the plan itself goes without saying where there is more."""
    needed = [words for need, words in EVIDENCE.items() if need in rule.needs]
    return ", ".join(needed if len(needed) == 1 else [words for words in needed if words != EVIDENCE["plan"]])


def _section(rule: Rule) -> str:
    lines = inspect.cleandoc(rule.page).splitlines()[1:]
    parts = [_part(title, body, rule.thresholds) for title, body in _parts(lines)]
    return "\n\n".join([f"## {rule.code} {rule.name}", *parts, f"**Needs** {_needs(rule)}.\n"])


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


def _part(title: str, body: list[str], thresholds: Mapping[str, float]) -> str:
    text = "\n".join(body).strip("\n")
    if title == "Options" and thresholds:
        text = "\n".join(["| option | default | unit, meaning |", "|---|---|---|", *_options(text, thresholds)])
    elif title == "Example":
        text = f"```text\n{text}\n```"
    return f"**{title}**\n\n{text}"


def _options(text: str, thresholds: Mapping[str, float]) -> Iterator[str]:
    """``rows    rows looked at (10,000)`` → a row of the table; lines that continue one are joined to it."""
    entries: list[list[str]] = []
    for line in text.splitlines():
        match = _OPTION.fullmatch(line)
        if match and match[1] in thresholds:
            entries.append([match[1], match[2]])
        elif entries:
            entries[-1][1] += f" {line.strip()}"
    for name, words in entries:
        default = f"{thresholds[name]:,g}"
        yield f"| `{name}` | {default} | {words.replace(f' ({default})', '')} |"
