"""What a reader of a run has to be able to do."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pytest_perfbudget.model import RunResult


class Reporter(Protocol):
    """Registered by the hook ``pytest_perfbudget_reporters`` and named by ``--perf-report=KIND:PATH``."""

    @property
    def kind(self) -> str:
        """The word before the colon."""
        ...

    def write(self, result: RunResult, path: Path) -> None:
        """Write the whole file, folders included.

        Raises:
            OSError: it cannot be written.
        """
        ...
