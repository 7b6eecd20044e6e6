"""How work grows, shown with ``-v``: a curve for each figure."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.measure.bound import parse_bound
from pytest_perfbudget.measure.curve import curve
from pytest_perfbudget.measure.growth import counted
from pytest_perfbudget.model import TestResult
from pytest_perfbudget.statements import one_line

_WIDTH = 90
"""Characters of a statement."""


def growths(tests: Sequence[TestResult], verbosity: int) -> list[str]:
    """A line for each figure; its curve from ``-vv`` on. None where nothing was run at other sizes."""
    lines: list[str] = []
    for test in tests:
        grown = test.evidence.growth if test.evidence else ()
        queries = {query.key: query.sql for query in test.evidence.queries} if test.evidence else {}
        lines += [test.nodeid] if grown else []
        shown: object = ""
        for one in grown:
            if one.query != shown:
                lines.append(f"  {one_line(queries[one.query], _WIDTH) if one.query else 'the whole test'}")
                shown = one.query
            lines.append(f"    {one.metric}: {one.reason}{'' if one.gated else ' (reported only)'}")
            if verbosity >= 2:
                points = [counted(point.size, point.figure, point.plan) for point in one.points]
                unit = "s" if one.metric == "time" else one.metric
                lines += [f"      {line}" for line in curve(points, parse_bound(one.bound), unit)]
    return lines
