"""The command line.

House style of the help texts: one sentence, present tense, ends with a full stop; names the values it takes; says the
default where there is one. A flag is a flag: no option takes an optional value, it would swallow the next argument.
"""

from __future__ import annotations

import argparse
from typing import Any

import pytest


class Option:
    """One ``--perf-…`` option; ``key`` is its name in ``[tool.perfbudget]``, None where a file may not set it.

    No dataclass: making one takes longer than everything else an unrelated run does here.
    """

    def __init__(
        self, flag: str, text: str, key: str | None = None, metavar: str | None = None, action: str = "store"
    ) -> None:
        self.flag, self.help, self.key, self.metavar, self.action = flag, text, key, metavar, action
        self.dest = flag.removeprefix("--").replace("-", "_")


OPTIONS = (
    Option(
        "--perf-server",
        "Take PostgreSQL from auto (default), container, embedded, local or a DSN.",
        "server",
        "KIND|DSN",
    ),
    Option("--perf-postgres", "Pin the PostgreSQL major (default 18).", "postgres", "MAJOR"),
    Option("--perf-budgets", "Read budgets and baselines from this folder (default budgets).", "budgets", "DIR"),
    Option("--perf-update", "Record what is new, better or equivalent as the baseline.", action="store_true"),
    Option(
        "--perf-accept",
        "Record these categories too: worse, alternative, unused (comma-separated; implies --perf-update).",
        metavar="CATEGORIES",
    ),
    Option("--perf-dry-run", "With --perf-update, print what would change and write nothing.", action="store_true"),
    Option("--perf-reason", "Say why worse or alternative is accepted; stored in the baseline.", metavar="TEXT"),
    Option("--perf-strict", "Fail what cannot be judged.", "strict", action="store_true"),
    Option("--perf-baseline", "Judge by the budgets and baselines of this git ref.", metavar="REF"),
    Option("--perf-against", "Compare the times of statements with those of this git ref.", metavar="REF"),
    Option("--perf-report", "Write a report, such as json:perf.json (repeatable).", "report", "KIND:PATH", "append"),
    Option(
        "--perf-explain", "Print statements, call sites and plans of each test without judging.", action="store_true"
    ),
    Option("--perf-reseed", "Build the seeded template database anew.", action="store_true"),
)


HAND_OVER = Option("--perf-hand-over", argparse.SUPPRESS, metavar="FD")
"""Ours alone: the run of the reference is given it by the run that compares."""

FLAGS = {option.key: option.flag for option in OPTIONS if option.key}
"""Which option sets which key of ``[tool.perfbudget]``."""


def add(parser: pytest.Parser) -> None:
    """Register the options; values are validated in ``settings``, where all their sources meet."""
    group = parser.getgroup("perfbudget", "performance budgets (pytest-perfbudget)")
    for option in (*OPTIONS, HAND_OVER):
        extra: dict[str, Any] = {} if option.action == "store_true" else {"metavar": option.metavar}
        group.addoption(option.flag, dest=option.dest, action=option.action, default=None, help=option.help, **extra)
