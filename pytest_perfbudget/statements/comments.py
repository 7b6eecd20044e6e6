"""The names a statement carries in its comments: ours, and those of sqlcommenter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

_NAME = re.compile(r"/\*\s*perf:\s*([\w.-]+)\s*\*/")
_COMMENTER = re.compile(r"/\*\s*(\w+='(?:[^'\\]|\\.)*'(?:\s*,\s*\w+='(?:[^'\\]|\\.)*')*)\s*\*/")
_PAIR = re.compile(r"(\w+)='((?:[^'\\]|\\.)*)'")
_NAMING = ("action", "controller", "job", "route")


def names(sql: str) -> Iterator[str]:
    """What ``[budget.query.<name>]`` can call it: the name of a ``/* perf: name */`` comment, and the values of
    ``action``, ``controller``, ``job`` and ``route`` in sqlcommenter's ``/*action='recent',route='%2Forders'*/``.

    Source of the latter: "SQLCommenter specification", key-value pairs with percent-encoded values.
    """
    if "/*" not in sql:
        return
    yield from _NAME.findall(sql)
    for comment in _COMMENTER.findall(sql):
        yield from (unquote(value) for key, value in _PAIR.findall(comment) if key in _NAMING)
