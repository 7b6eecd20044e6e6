"""Files that hold plans, read whole; ``-`` is standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from pytest_perfbudget.errors import At, PlanError
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse_all

STDIN = "-"


def read_plans(name: str) -> tuple[Plan, ...]:
    """The plans in a file, one for each statement.

    Raises:
        PlanError: it cannot be read, or holds no plan; ``at`` is the file.
    """
    shown = "standard input" if name == STDIN else name
    try:
        text = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
        return parse_all(text)
    except OSError as error:
        raise PlanError(f"cannot be read: {error.strerror}", at=At(shown)) from error
    except PlanError as error:
        raise PlanError(error.what, at=At(shown), remedy=error.remedy) from None
