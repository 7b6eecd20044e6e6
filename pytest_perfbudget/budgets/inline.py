"""A budget written in the marker: the same keys, checked by the same code as a file's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.budgets.complaints import Complaints
from pytest_perfbudget.budgets.entries import Codes, Source
from pytest_perfbudget.budgets.places import Places
from pytest_perfbudget.budgets.read import read
from pytest_perfbudget.errors import At


def inline(keys: Mapping[str, Any], at: At, name: str, known_codes: Codes | None = None) -> Budget:
    """The budget of ``perf_budget(plan={"forbid": […]}, work={"buffers": 40})``; all of it stands at ``at``.

    Raises:
        BudgetError: all that is wrong with it.
    """
    complaints = Complaints()
    budget = read(name, keys, (), Source(Places(at), known_codes, complaints))
    complaints.settle(f"the budget at {at}", 'in a marker, work.buffers = 40 is perf_budget(work={"buffers": 40})')
    return budget
