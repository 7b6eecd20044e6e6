"""Documented-ness: every option, setting, key, marker, fixture, rule and hook stands in the reference, and no other."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
from pathlib import Path

import pytest
from snapshots import matches

from pytest_perfbudget.budgets.keys import KEYS
from pytest_perfbudget.capture.driver import BUILTIN as DRIVERS
from pytest_perfbudget.cli.main import COMMANDS
from pytest_perfbudget.plugin import fixtures, hookspecs
from pytest_perfbudget.plugin.options import OPTIONS
from pytest_perfbudget.postgres.profiles import BUILTIN as PROFILES
from pytest_perfbudget.rules import BUILTIN
from pytest_perfbudget.rules.reference import reference
from pytest_perfbudget.session.settings import DEFAULTS, TABLES

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


@pytest.mark.parametrize("option", [option.flag for option in OPTIONS])
def test_every_option_is_documented(option: str) -> None:
    assert f"`{option}" in page("options.md")


@pytest.mark.parametrize("key", sorted(DEFAULTS))
def test_every_setting_is_documented_with_its_variable(key: str) -> None:
    assert f"`{key}`" in page("options.md")
    assert f"`PERFBUDGET_{key.upper()}`" in page("options.md")


@pytest.mark.parametrize("word", [*TABLES, *PROFILES])
def test_every_table_of_the_settings_and_every_profile_is_documented(word: str) -> None:
    assert f"`{word}`" in page("options.md")


@pytest.mark.parametrize("key", [key.name for key in KEYS])
def test_every_key_of_a_budget_is_documented(key: str) -> None:
    assert f"`{key}`" in page("budgets.md")


@pytest.mark.parametrize("driver", [driver.name for driver in DRIVERS])
def test_every_driver_is_documented(driver: str) -> None:
    assert driver in page("drivers.md")


@pytest.mark.parametrize("name", [name for name in vars(fixtures) if name.startswith("perf")])
def test_every_fixture_is_documented(name: str) -> None:
    assert f"\n`{name}`\n" in page("fixtures.md")


@pytest.mark.parametrize("name", [name for name in vars(hookspecs) if name.startswith("pytest_perfbudget_")])
def test_every_hook_is_documented_with_its_signature(name: str) -> None:
    signature = inspect.signature(getattr(hookspecs, name))
    written = str(signature).replace("'", "")
    assert f"`{name}{written}`" in page("hooks.md")


def test_the_page_of_the_rules_is_made_of_their_docstrings() -> None:
    matches(REFERENCE / "rules.md", reference(BUILTIN))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented_with_its_options(command: str) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f"pytest_perfbudget.cli.{command}").add(parser)
    section = page("commands.md").partition(f"## `perfbudget {command}")[2].partition("\n## ")[0]
    flags = {flag for action in parser._actions for flag in action.option_strings}
    assert section
    assert flags == set(re.findall(r"^\| `(--[a-z]+)", section, re.MULTILINE))


def test_the_marker_is_documented() -> None:
    assert "`@pytest.mark.perf_budget`" in page("fixtures.md")


def test_the_changelog_speaks_of_the_version_in_work() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text()
