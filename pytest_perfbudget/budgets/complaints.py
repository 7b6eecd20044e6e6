"""Everything that is wrong with the budgets, gathered so that it can be mended in one go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_perfbudget.errors import At, BudgetError


class Complaints:
    """Errors in the order of their places; the same error is kept once."""

    def __init__(self) -> None:
        self._errors: dict[str, BudgetError] = {}

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """A BudgetError raised in the block is kept, and the work goes on after the block."""
        try:
            yield
        except BudgetError as error:
            self.add(error)

    def add(self, error: BudgetError) -> None:
        self._errors.setdefault(str(error), error)

    def settle(self, source: str, note: str = "") -> None:
        """Nothing, or one error for all: a single one as it is, several under a line that counts them, then ``note``.

        Raises:
            BudgetError: there was at least one.
        """
        errors = sorted(self._errors.values(), key=lambda error: error.at or At(""))
        if len(errors) == 1:
            [error] = errors
            raise BudgetError(error.what, at=error.at, remedy=f"{error.remedy}\n{note}".strip("\n"))
        if errors:
            blocks = "\n".join(map(str, errors))
            raise BudgetError(f"{len(errors)} errors in {source}", remedy=f"{blocks}\n{note}".strip("\n"))
