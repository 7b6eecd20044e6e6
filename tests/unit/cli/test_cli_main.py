"""The words of the shell's door, and what it costs to open it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from shell import perfbudget
from snapshots import matches

from pytest_perfbudget.cli.main import COMMANDS

SNAPSHOTS = Path(__file__).parent / "snapshots"


def test_the_overview() -> None:
    done = perfbudget("--help")
    assert (done.returncode, done.stderr) == (0, "")
    matches(SNAPSHOTS / "overview.txt", done.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command(command: str) -> None:
    done = perfbudget(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    matches(SNAPSHOTS / f"{command}.txt", done.stdout)


@pytest.mark.parametrize(("words", "said"), [((), "usage:"), (("plam",), "plam is not a command; did you mean plan?")])
def test_without_a_command_it_says_which_there_are(words: tuple[str, ...], said: str) -> None:
    done = perfbudget(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "  plan " in done.stderr


def test_a_wrong_option_is_misuse() -> None:
    assert perfbudget("plan", "--jason", "-").returncode == 2


@pytest.mark.parametrize("words", [["rule", "PB201"], ["rule"], ["plan", "-"], ["drift", "--majors", "15,18"]])
def test_no_command_that_needs_no_server_imports_a_driver_or_pytest(words: list[str]) -> None:
    code = f"""import sys
from pytest_perfbudget.cli.main import main
main({words!r})
heavy = {{"psycopg", "pytest", "_pytest", "testcontainers", "redis"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else 0)"""
    plan = '{"Node Type": "Result"}'
    done = subprocess.run([sys.executable, "-c", code], input=plan, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
