"""``perfbudget``: finds the command, runs it, turns what the user can mend into one line and exit code 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from typing import Protocol

from pytest_perfbudget.errors import PerfbudgetError

COMMANDS = {
    "plan": "show one plan, or compare two",
    "drift": "the same statements planned by two majors, as a table",
    "rule": "the page of a plan rule",
    "selfcheck": "how often each gate on time would be wrong on this machine, and what it sees",
    "seed": "the seeded templates that are kept: list them, drop them",
    "tune": "what PGTune's rules would set on a server, and which plans that changes",
}
"""Each is a module of this floor, imported when it is asked for."""

DONE, FOUND, UNABLE = 0, 1, 2
"""Done, whatever was read; a comparison found something; cannot read or reach."""

_EPILOG = "exit codes: 0 done, 1 a comparison found something, 2 cannot read or reach"


class Command(Protocol):
    """What a module of this floor offers; its docstring is its help."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Its arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """The command itself; the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of the script ``perfbudget``."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A plan may hold what the terminal's encoding, or any, cannot write.
            stream.reconfigure(errors="backslashreplace")
    try:
        if words and words[0] in COMMANDS:
            return _run(words[0], words[1:])
        return _overview(words)
    except BrokenPipeError:
        # The reader of our output (head, less) has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except PerfbudgetError as error:
        place = f"{error.at}: " if error.at else ""
        print(f"perfbudget {words[0]}: {place}{' '.join(error.what.split())}", file=sys.stderr)
        return UNABLE


def _run(name: str, words: list[str]) -> int:
    command: Command = import_module(f"pytest_perfbudget.cli.{name}")
    parser = argparse.ArgumentParser(
        prog=f"perfbudget {name}",
        description=command.__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add(parser)
    code = command.run(parser.parse_args(words))
    sys.stdout.flush()
    return code


def _overview(words: list[str]) -> int:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{text}" for name, text in COMMANDS.items()]
    usage = "\n".join(["usage: perfbudget COMMAND …", "", *lines, "", "perfbudget COMMAND --help says more", _EPILOG])
    if words and words[0] in ("-h", "--help"):
        print(usage)
        return DONE
    near = get_close_matches(words[0], COMMANDS, n=1) if words else []
    hint = f"; did you mean {near[0]}?" if near else ""
    wrong = f"perfbudget: {words[0]} is not a command{hint}\n" if words else ""
    print(wrong + usage, file=sys.stderr)
    return UNABLE
