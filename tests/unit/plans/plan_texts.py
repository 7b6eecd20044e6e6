"""Hypothesis strategies: text that may or may not hold plans, and trees whose nodes are numbered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import strategies as st
from plan_trees import JSON, WILD_DOCUMENT

JSON_LIKE = st.lists(
    st.sampled_from(
        ['{"Node Type"', '"Plan"', ": ", "{", "}", "[", "]", ",", '"', '""', "+", "|", "\n", "↵", " ", "plan:"]
    )
    | JSON.map(json.dumps)
    | WILD_DOCUMENT.map(json.dumps),
    max_size=12,
).map("".join)
"""Text of parts of plans, of psql's frames and of logs, in any order."""


def _numbered(shape: Any, numbers: Iterator[int]) -> dict[str, Any]:
    """A node numbered before its children."""
    node: dict[str, Any] = {"Node Type": "Any", "n": next(numbers)}
    for key, wraps, children in shape:
        inner: Any = [_numbered(child, numbers) for child in children]
        for wrap in wraps:
            inner = {"list": [inner], "object": {"x": 1, "Tasks": inner, "y": [2]}}[wrap]
        node[key] = inner[0] if isinstance(inner, list) and len(inner) == 1 else inner
    return node


_SHAPE: st.SearchStrategy[Any] = st.deferred(
    lambda: st.lists(
        st.tuples(
            st.sampled_from(["Plans", "Plan", "Distributed Query", "Remote Plan"]),
            st.lists(st.sampled_from(["list", "object"]), max_size=2),
            st.lists(_SHAPE, max_size=2),
        ),
        max_size=2,
        unique_by=lambda part: part[0],
    )
)
TREES = _SHAPE.map(lambda shape: _numbered(shape, count()))
"""Nodes numbered in the order of the document, their children under any keys, in lists and objects."""
