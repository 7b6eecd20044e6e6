"""What this run is held to, read once, and whether its own figures will be recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

from pytest_perfbudget.measure.stored import Recorded
from pytest_perfbudget.model import Environment, QueryEvidence
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.stored.branch import Standing, standing
from pytest_perfbudget.session.stored.runs import RecordedRun, Runs, conditions
from pytest_perfbudget.verdict.pairing import pair


class History:
    """One per process. Runs at the same time are not seen: what was there at the first question counts."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.runs = Runs(options.timings, options.root)

    def of(
        self, test: str, queries: Sequence[QueryEvidence], environment: Environment
    ) -> dict[str, tuple[Recorded, ...]]:
        """The recorded figures of each query, oldest first, by its key. A statement that was edited is paired with what
        it was, run by run, as in baselines.

        Raises:
            BaselineError: a recorded run cannot be read.
        """
        found: dict[str, list[Recorded]] = {query.key: [] for query in queries}
        for run in self._read:
            timed = run.tests.get(test, ()) if run.conditions == conditions(environment) else ()
            figures = {one.record().key: one.figure for one in timed}
            for old, new in pair([one.record() for one in timed], queries) if timed else ():
                if old and new:
                    found[new.key].append(Recorded(figures[old.key], run.machine))
        return {key: tuple(recorded) for key, recorded in found.items()}

    @property
    def records(self) -> bool:
        """Whether this is a CI run of the default branch: of any other no figure is kept."""
        return self._options.ci is not None and self.standing.default

    @cached_property
    def standing(self) -> Standing:
        return standing(os.environ, self._options.root, self._options.timings_branch)

    @cached_property
    def _read(self) -> tuple[RecordedRun, ...]:
        return self.runs.read()
