from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from shell import PLANS, SCRIPT, perfbudget, shape, write
from unit.plans.plan_trees import WILD_DOCUMENT

from pytest_perfbudget.cli.comparison import as_json, as_text
from pytest_perfbudget.plans.facts import blocks
from pytest_perfbudget.plans.fingerprint import fingerprint
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.verdict.plans import compare_plans

INDEXED, LOST, TIED = "ties/tie_c_is_newer", "ties/tie_lost", "ties/tie_b_is_newer"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    names = {"indexed": INDEXED, "lost": LOST, "tied": TIED, "estimated": "estimated/tie_lost"}
    return {short: write(tmp_path, short, shape(name)) for short, name in names.items()}


def test_one_plan_is_its_tree(files: dict[str, Path]) -> None:
    done = perfbudget("plan", files["indexed"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "\n".join(tree(parse(shape(INDEXED)))) + "\n"


def test_one_plan_exits_with_0_whatever_it_holds() -> None:
    done = perfbudget("plan", PLANS / "recorded" / "pg18" / "nested_loop_over_seq_scan.json", "--json")
    assert done.returncode == 0
    described = json.loads(done.stdout)
    assert {"PB201", "PB401"} <= {finding["code"] for finding in described["findings"]}
    assert {finding["scan"] for finding in described["findings"] if finding["code"] == "PB401"} == {"o"}


def test_as_json(files: dict[str, Path]) -> None:
    described = json.loads(perfbudget("plan", "--json", files["indexed"]).stdout)
    plan = parse(shape(INDEXED))
    assert set(described) == {"fingerprint", "version", "tree", "facts", "findings"}
    assert described["fingerprint"] == fingerprint(plan)
    assert tuple(described["tree"]) == tree(plan)
    assert described["facts"]["total"]["buffers"] == blocks(plan.root)
    assert described["facts"]["scans"]["tied"]["access"] == "Bitmap Heap Scan using tied_a_c on tied"


def test_without_analyze_no_counter_is_claimed(files: dict[str, Path]) -> None:
    facts = json.loads(perfbudget("plan", "--json", files["estimated"]).stdout)["facts"]
    assert set(facts["total"]) == {"cost"}
    assert set(facts["scans"]["tied"]) == {"access", "planned", "cost"}


def test_standard_input(files: dict[str, Path]) -> None:
    text = files["indexed"].read_text()
    assert perfbudget("plan", "-", stdin=text).stdout == perfbudget("plan", files["indexed"]).stdout
    assert perfbudget("plan", files["lost"], "-", stdin=text).stdout.startswith("improved\n")
    done = perfbudget("plan", "-", "-", stdin=text)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("old", "new", "word", "code"),
    [
        ("indexed", "indexed", "same", 0),
        ("indexed", "tied", "equivalent", 0),
        ("tied", "indexed", "equivalent", 0),
        ("lost", "indexed", "improved", 0),
        ("indexed", "lost", "regressed", 1),
        ("indexed", "estimated", "regressed", 1),
    ],
)
def test_two_plans(files: dict[str, Path], old: str, new: str, word: str, code: int) -> None:
    done = perfbudget("plan", files[old], files[new])
    assert (done.returncode, done.stderr, done.stdout.splitlines()[0]) == (code, "", word)
    described = json.loads(perfbudget("plan", "--json", files[old], files[new]).stdout)
    assert described["verdict"] == word
    assert bool(described["edits"]) == (old != new)
    assert ("estimates" in done.stdout) == described["estimated"] == ("estimated" in (old, new))


def test_the_text_of_a_regression(files: dict[str, Path]) -> None:
    assert perfbudget("plan", files["indexed"], files["lost"]).stdout.splitlines() == [
        "regressed",
        "- Bitmap Heap Scan on tied          Recheck Cond: a = ?",
        "-   Bitmap Index Scan on tied_a_c   Index Cond: a = ?",
        "+ Seq Scan on tied                  Filter: a = ?",
        "",
        "buffers rose",
        "",
        "buffers  42 → 109",
        "tied     Bitmap Heap Scan using tied_a_c on tied → Seq Scan on tied  "
        "rows_removed 0 → 19,960, buffers 42 → 109",
    ]


def test_facts_are_old_and_new_by_identifier(files: dict[str, Path]) -> None:
    facts = json.loads(perfbudget("plan", "--json", files["indexed"], files["lost"]).stdout)["facts"]
    assert (facts["old"]["scans"]["tied"]["rows_removed"], facts["new"]["scans"]["tied"]["rows_removed"]) == (0, 19_960)
    assert set(facts) == {"old", "new"}


def test_a_scan_has_its_own_blocks_and_says_what_is_rounded() -> None:
    def scans(name: str, major: int) -> Any:
        file = PLANS / "recorded" / f"pg{major}" / f"{name}.json"
        return json.loads(perfbudget("plan", "--json", file).stdout)["facts"]["scans"]

    older, newer = scans("nested_loop_over_index", 15), scans("nested_loop_over_index", 18)
    assert {name: scan["inexact"] for name, scan in older.items()} == {"c": [], "o": ["rows", "rows_removed"]}
    assert (
        sum(scan["buffers"] for scan in newer.values())
        == json.loads(perfbudget("plan", "--json", PLANS / "recorded" / "pg18" / "nested_loop_over_index.json").stdout)[
            "facts"
        ]["total"]["buffers"]
    )


@pytest.mark.parametrize("name", ["plain.txt", "csv.txt", "unaligned.txt", "border_2_unicode_wrapped.txt"])
def test_what_psql_printed(name: str) -> None:
    done = perfbudget("plan", PLANS / "recorded" / "psql" / name)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Scan" in done.stdout


def test_workers_are_another_plan_only_when_asked(tmp_path: Path) -> None:
    shared, alone = (write(tmp_path, kind, shape(f"{kind}/hash_join")) for kind in ("parallel", "serial"))
    assert "Gather" in perfbudget("plan", shared).stdout
    marks = [json.loads(perfbudget("plan", "--json", path).stdout)["fingerprint"] for path in (shared, alone)]
    assert marks[0] == marks[1]
    assert json.loads(perfbudget("plan", alone, shared, "--json").stdout)["edits"] == []
    edits = json.loads(perfbudget("plan", alone, shared, "--json", "--parallel").stdout)["edits"]
    assert {"edit": "added", "node": "Gather"} in edits


def test_several_statements_are_shown_and_compared_in_order(tmp_path: Path) -> None:
    old = write(tmp_path, "old", [*shape(INDEXED), *shape(TIED)])
    new = write(tmp_path, "new", [*shape(LOST), *shape(TIED)])
    assert perfbudget("plan", old).stdout.count("\n\n") == 1
    assert [len(one["tree"]) for one in json.loads(perfbudget("plan", "--json", old).stdout)] == [2, 2]
    done = perfbudget("plan", old, new)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "regressed")
    verdicts = [one["verdict"] for one in json.loads(perfbudget("plan", "--json", old, new).stdout)]
    assert verdicts == ["regressed", "same"]


def test_another_number_of_statements_is_nothing_to_compare(tmp_path: Path, files: dict[str, Path]) -> None:
    two = write(tmp_path, "two", [*shape(INDEXED), *shape(TIED)])
    done = perfbudget("plan", two, files["lost"])
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "plan"),
        (b"Seq Scan on orders  (cost=0.00..1.00 rows=1 width=4)", "plan"),
        (b"\xff\xfe\x00", "plan"),
        (b'{"Plan": {"Node', "plan"),
        (b"[]", "plan"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_2(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    for arguments in ([path], [path, path], ["--json", path]):
        done = perfbudget("plan", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"perfbudget plan: {path}: ")
        assert done.stderr.count("\n") == 1
        assert words in done.stderr


@pytest.mark.parametrize("name", ["\ud800", "é→", "\x00\n"])
def test_names_that_no_terminal_can_write_are_no_error(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "odd", {"Node Type": "Seq Scan", "Relation Name": name, "Alias": "a"})
    for words in (["plan", path], ["plan", "--json", path], ["plan", path, path], ["plan", "--json", path, path]):
        done = perfbudget(*words)
        assert (done.returncode, done.stderr) == (0, "")


@given(WILD_DOCUMENT, WILD_DOCUMENT)
def test_any_two_plans_are_compared(old: Any, new: Any) -> None:
    compared = compare_plans(parse(old), parse(new))
    assert as_text(compared).splitlines()[0] == compared.verdict
    described = json.loads(json.dumps(as_json(compared)))
    assert bool(described["edits"]) == (compared.trees[0] != compared.trees[1])
    same = compare_plans(parse(old), parse(old))
    assert (same.verdict, as_json(same)["edits"]) == ("same", [])


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    wide = {"Node Type": "Append", "Plans": [{"Node Type": "Seq Scan", "Alias": f"p{n}"} for n in range(9_000)]}
    read, written = os.pipe()
    os.close(read)
    command = [SCRIPT, "plan", write(tmp_path, "wide", wide)]
    done = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, text=True, check=False)
    os.close(written)
    assert (done.returncode, done.stderr) == (0, "")
