"""Whether every test of the project ran: only then does silence about a budget or a baseline mean anything."""

from __future__ import annotations

import pytest

_NARROWING = ("keyword", "markexpr", "lf", "stepwise", "deselect", "ignore", "ignore_glob")


def incomplete(session: pytest.Session, *, deselected: bool, crashed: bool) -> str | None:
    """Why the run was not complete, or None. Order (``--ff``, ``--nf``) is no reason, a stop or a path is."""
    config = session.config
    if crashed:
        return "a worker crashed"
    if session.shouldstop or session.shouldfail:
        return "the run was stopped"
    if deselected:
        return "tests were deselected"
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return "paths were given"
    given = vars(config.option)
    named = next((name for name in _NARROWING if given.get(name)), None)
    return f"--{named} was given" if named else None
