"""Whatever wrote the text, the plan in it is the same."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_trees import WILD_DOCUMENT
from recorded_plans import HERE

from pytest_perfbudget.errors import PlanError
from pytest_perfbudget.plans.framing import unframed
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse, parse_all

PSQL = {path.stem: path.read_text() for path in sorted((HERE / "psql").glob("*.txt"))}
LOGS = sorted((HERE / "logs").iterdir())
TWICE = {"two_statements", "session"}


def shown(plans: tuple[Plan, ...]) -> list[list[tuple[str, dict[str, Any]]]]:
    return [[(node.type, dict(node.fields)) for node in plan.root.walk()] for plan in plans]


def test_psql_was_recorded_in_every_form() -> None:
    assert len(PSQL) == 38
    assert "\n." in PSQL["border_0_ascii_expanded_wrapped"] or " ." in PSQL["border_0_ascii_expanded_wrapped"]


@pytest.mark.parametrize("name", PSQL)
def test_what_psql_frames_wraps_and_quotes(name: str) -> None:
    plain = shown((parse(json.loads(PSQL["plain"])),))
    assert plain[0][0][1]["Filter"] == "((name = 'a\"b\\c+ | one. : [ü]語  '::text) AND (id = 3))"
    assert shown(parse_all(PSQL[name])) == plain * (2 if name in TWICE else 1)
    windows = PSQL[name].replace("\n", "\r\n").encode("utf-16")
    assert shown(parse_all(windows)) == plain * (2 if name in TWICE else 1)


@pytest.mark.parametrize("name", [name for name in PSQL if name not in TWICE])
def test_a_framed_plan_that_was_cut_off_is_no_plan(name: str) -> None:
    lines = PSQL[name].splitlines()
    middle = next(number for number, line in enumerate(lines) if "Alias" in line or "Node Type" in line)
    with pytest.raises(PlanError, match="is not JSON"):
        parse_all("\n".join(lines[: middle + 1]))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_the_servers_logs(path: Any) -> None:
    plans = parse_all(path.read_bytes())
    assert [plan.document["Query Text"][:12] for plan in plans] == ["SELECT pg_sl", "SELECT * FRO", "SELECT count"]
    assert [[node.type for node in plan.root.walk()] for plan in plans] == [
        ["Result"], ["Seq Scan"], ["Aggregate", "Index Only Scan"],
    ]  # fmt: skip


def test_a_notice_of_auto_explain() -> None:
    document = (HERE / "pg18" / "auto_explain.json").read_text()
    for prefix in ("duration: 0.012 ms  plan:\n", "LOG:  duration: 0.012 ms  plan: ", "psql:x.sql:3: LOG:  plan:\n"):
        assert shown((parse(prefix + document),)) == shown((parse(document),))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_bytes_say_how_they_are_encoded(encoding: str) -> None:
    assert parse(PSQL["plain"].encode(encoding)).root.relation == "authors"
    assert parse("\ufeff" + PSQL["plain"]).root.relation == "authors"


def test_documents_one_after_the_other() -> None:
    plain = json.dumps(json.loads(PSQL["plain"]))
    for between in ("", "\n", "\n\n", ", ", " ;\n", "\n(1 row)\n\nTime: 0.3 ms\n", "\n-- {braces} and [brackets]\n"):
        assert len(parse_all(between.join([plain] * 3))) == 3, between


def test_exports_that_hold_the_document_as_a_value() -> None:
    document = json.loads(PSQL["plain"])
    for export in (
        [{"QUERY PLAN": document}],
        [{"QUERY PLAN": PSQL["plain"]}],
        {"rows": [{"QUERY PLAN": PSQL["plain"]}], "fields": [{"name": "QUERY PLAN"}]},
        json.dumps(PSQL["plain"]),
    ):
        assert parse(export if isinstance(export, str) else json.dumps(export)).root.relation == "authors"


def test_json_without_a_plan_beside_one_is_passed_over() -> None:
    text = 'SELECT $$\n{"a": 1}\n$$;\n' + PSQL["border_1_ascii"]
    assert len(parse_all(text)) == 1


def test_a_broken_document_after_a_whole_one_is_the_error() -> None:
    plain = PSQL["plain"]
    with pytest.raises(PlanError, match="is not JSON"):
        parse_all(plain + plain[: len(plain) // 2])


@given(WILD_DOCUMENT, st.sampled_from(["csv", "lines", "log", "junk"]))
def test_any_document_in_any_wrapping(document: Any, wrapping: str) -> None:
    text = json.dumps(document, indent=2)
    expected = shown(parse_all(json.loads(text)))
    if wrapping == "csv":
        out = io.StringIO()
        csv.writer(out).writerows([["QUERY PLAN", "n"], [text, "1"]])
        text = out.getvalue()
    elif wrapping == "lines":
        text = f"EXPLAIN …\n{text}\n(1 row)\n"
    elif wrapping == "log":
        text = "2026-01-02 [17] LOG:  duration: 0.1 ms  plan:\n" + "\n".join("\t" + line for line in text.split("\n"))
    else:
        text = json.dumps({"junk": [None, {"more": [document]}], "Plans": 3})
    assert shown(parse_all(text)) == expected


@given(WILD_DOCUMENT, st.sampled_from("+↵"), st.sampled_from(["", " ", "| "]), st.booleans())
def test_a_frame_drawn_around_any_text_comes_off(document: Any, mark: str, left: str, padded: bool) -> None:
    lines = json.dumps(document, indent=2).split("\n")
    width = max(map(len, lines)) if padded else 0
    bar = "|" if left == "| " else ""
    marks = [mark] * (len(lines) - 1) + [" " if bar else ""]
    framed = "\n".join(left + line.ljust(width) + end + bar for line, end in zip(lines, marks, strict=True))
    assert json.loads(unframed(framed)) == json.loads("\n".join(lines))


@given(st.text())
def test_text_without_frames_is_left_as_it_is(text: str) -> None:
    if not any(mark in text for mark in "|│+↵"):
        assert unframed(text) == text.replace("\r\n", "\n") + "\n"
