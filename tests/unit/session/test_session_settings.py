"""Settings: where they come from, which source wins, and what is refused in which words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.plugin.options import FLAGS
from pytest_perfbudget.postgres.profile import DETERMINISTIC
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.settings import read


def settings(tmp_path: Path, text: str = "", environ: dict[str, str] | None = None, **options: Any) -> Options:
    (tmp_path / "pyproject.toml").write_text(text)
    return read(options, environ or {}, tmp_path / "pyproject.toml", tmp_path, FLAGS)


def test_defaults(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert (found.server, found.postgres, found.profile, found.seed) == ("auto", 18, DETERMINISTIC, ())
    assert found.budgets == tmp_path / "budgets"


def test_the_command_line_wins_over_the_variable_and_the_variable_over_the_file(tmp_path: Path) -> None:
    text = '[tool.perfbudget]\nserver = "embedded"\nbudgets = "file"\npostgres = 17\n'
    environ = {"PERFBUDGET_BUDGETS": "variable", "PERFBUDGET_SERVER": "dsn-of-variable"}
    found = settings(tmp_path, text, environ, perf_server="postgresql://line")
    assert (found.server, found.budgets.name, found.postgres) == ("postgresql://line", "variable", 17)


def test_a_list_in_a_variable_is_split_at_the_path_separator(tmp_path: Path) -> None:
    found = settings(tmp_path, environ={"PERFBUDGET_SEED": f"a.sql{os.pathsep}b.sql"})
    assert found.seed == ("a.sql", "b.sql")


def test_the_sizes_of_growth_are_numbers_far_enough_apart(tmp_path: Path) -> None:
    sizes = "[1000, 2000, 5000, 10_000, 20_000]"
    found = settings(tmp_path, f'[tool.perfbudget]\ngrowth_sizes = {sizes}\ngrowth_cap = "5 s"')
    assert (found.growth_sizes, found.growth_cap) == ((1000, 2000, 5000, 10_000, 20_000), 5.0)
    variable = os.pathsep.join(["100", "200", "400", "800"])
    assert settings(tmp_path, environ={"PERFBUDGET_GROWTH_SIZES": variable}).growth_sizes == (100, 200, 400, 800)


def test_a_profile_is_found_by_its_name_in_the_file_and_among_ours(tmp_path: Path) -> None:
    machine = 'machine = { memory = "16 GB", cores = 4 }\n'
    mine = '[tool.perfbudget.profiles.mine]\nextends = "web"\nsettings = { work_mem = "1MB" }\n'
    found = settings(tmp_path, f'[tool.perfbudget]\nprofile = "mine"\n{machine}{mine}').profile
    values = {setting.name: setting.value for setting in found.settings}
    assert (found.name, values["work_mem"], values["effective_cache_size"]) == ("mine", "1MB", "12GB")
    other = settings(tmp_path, f"[tool.perfbudget]\n{machine}", {"PERFBUDGET_PROFILE": "dw"}).profile
    assert other.name == "dw"


def test_a_seed_is_a_list_of_texts_and_tables_or_one_of_them(tmp_path: Path) -> None:
    table = {"run": "make", "files": ["*.sql"]}
    written = '{ run = "make", files = ["*.sql"] }'
    assert settings(tmp_path, f'[tool.perfbudget]\nseed = ["a.sql", {written}]').seed == ("a.sql", table)
    assert settings(tmp_path, f"[tool.perfbudget]\nseed = {written}").seed == (table,)
    assert settings(tmp_path, '[tool.perfbudget]\nseed = "a.sql"').seed == ("a.sql",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[tool.perfbudget]\nservr = "x"', "did you mean server?"),
        ("[tool.perfbudget]\nseed = 3", "is not a list of texts"),
        ('[tool.perfbudget]\nseed = ["a.sql", {}]', "is not a list of texts"),
        ("[tool.perfbudget]\npostgres = 9", "is not a PostgreSQL major"),
        ('[tool.perfbudget]\nprofile = "fast"', "give deterministic"),
        ('[tool.perfbudget]\nprofile = "web"', "machine = {"),
        ('[tool.perfbudget]\nmachine = "small"', "is not a table"),
        ('[tool.perfbudget]\nprofiles = "small"', "is not a table"),
        ('[tool.perfbudget]\nstrict = "maybe"', "is not true or false"),
        ("[tool.perfbudget]\nstrict = []", "is not true or false"),
        ("[tool.perfbudget]\ncontainer_tls = { on = true }", "is not true or false"),
        ("[tool.perfbudget]\ngrowth_sizes = [1000, 4000, 16000]", "are not 4 sizes up to 8 times the first"),
        ("[tool.perfbudget]\ngrowth_sizes = [1000, 1100, 1200, 1300]", "are not 4 sizes up to 8 times the first"),
        ("[tool.perfbudget]\ngrowth_sizes = [64000, 4000, 2000, 1000]", "are not 4 sizes up to 8 times the first"),
        ('[tool.perfbudget]\ngrowth_sizes = ["many"]', "are not 4 sizes up to 8 times the first"),
        ("[tool.perfbudget\n", "is not TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_source(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, text)
    assert words in str(caught.value)
    assert "pyproject.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"perf_accept": "worse"}, "--perf-reason"),
        ({"perf_accept": "wrose", "perf_reason": "x"}, "no such category"),
        ({"perf_dry_run": True}, "add --perf-update"),
        ({"perf_update": True, "perf_baseline": "main"}, "nothing can be updated"),
        ({"perf_report": ["perf.json"]}, "not KIND:PATH"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        settings(tmp_path, **options)


def test_accepting_implies_updating(tmp_path: Path) -> None:
    assert settings(tmp_path, perf_accept="worse,unused", perf_reason="meant").update


def test_under_ci_an_update_is_refused_with_the_evidence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GITHUB_ACTIONS is set"):
        settings(tmp_path, environ={"GITHUB_ACTIONS": "true"}, perf_update=True)
    assert settings(tmp_path, environ={"GITHUB_ACTIONS": "true", "PERFBUDGET_CI": "0"}, perf_update=True).update
    assert settings(tmp_path, environ={"CI": "true"}, perf_update=True, perf_dry_run=True).dry_run
