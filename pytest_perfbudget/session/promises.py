"""What a run is judged by: budgets and baselines of the working tree, or of the git ref of ``--perf-baseline``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_perfbudget.baselines.record import Baseline
from pytest_perfbudget.baselines.ref import at_ref, loosened_baselines
from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.budgets.budget import Budget, Suite
from pytest_perfbudget.budgets.entries import Codes
from pytest_perfbudget.budgets.inline import inline
from pytest_perfbudget.budgets.load import load
from pytest_perfbudget.budgets.loosened import loosened
from pytest_perfbudget.errors import At
from pytest_perfbudget.session.options import Options


@dataclass(slots=True)
class Promises:
    """``suite`` and ``store`` are the working tree's; ``ref_suite`` and ``ref_store`` those of the ref, if any.

    What the ref has judges; what only the working tree has (a new budget, a new test's baseline) judges too.
    """

    suite: Suite
    store: Store
    codes: Codes
    ref_suite: Suite | None = None
    ref_store: Store | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _read: dict[tuple[int, str], Baseline | None] = field(default_factory=dict)

    @classmethod
    def read(cls, options: Options, codes: Codes) -> Promises:
        """Everything that can be wrong with budgets is said here, before a test runs.

        Raises:
            BudgetError: a budget file cannot be used, or the ref cannot be read.
        """
        suite = load(options.budgets, options.root, codes)
        promises = cls(suite, Store(options.budgets / "baselines", options.root), codes)
        if options.baseline_ref:
            folder = promises._open.enter_context(at_ref(options.root, options.budgets, options.baseline_ref))
            promises.ref_suite = load(folder, folder.parent, codes)
            promises.ref_store = Store(folder / "baselines", folder.parent)
        return promises

    def close(self) -> None:
        self._open.close()

    def named(self, name: str, at: At) -> Budget:
        """The budget of that name.

        Raises:
            BudgetError: there is none; the nearest name is offered.
        """
        if self.ref_suite and name in self.ref_suite.budgets:
            return self.ref_suite.budgets[name]
        return self.suite.get(name, at)

    def inline(self, keys: Mapping[str, Any], name: str, at: At) -> Budget:
        """A budget written in the marker."""
        return inline(keys, at, name, self.codes)

    def baseline(self, major: int, name: str) -> Baseline | None:
        """What was recorded for a budget; entries of the ref go before those of the working tree.

        Raises:
            BaselineError: the file cannot be read.
        """
        key = (major, name)
        if key not in self._read:
            mine = self.store.load(major, name)
            theirs = self.ref_store.load(major, name) if self.ref_store else None
            self._read[key] = (
                replace(theirs, tests={**(mine.tests if mine else {}), **theirs.tests}) if theirs else mine
            )
        return self._read[key]

    def loosened(self, major: int | None) -> tuple[str, ...]:
        """What the working tree promises less than the ref; empty without one."""
        if not self.ref_suite or not self.ref_store:
            return ()
        budgets = loosened(self.ref_suite, self.suite)
        return budgets + (loosened_baselines(self.ref_store, self.store, major) if major else ())
