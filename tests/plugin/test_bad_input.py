"""What a user gets wrong: one screen of words that say what to do, never a traceback of ours, never a pass."""

from __future__ import annotations

import pytest
from conftest import BUDGET, PROJECT, TEST, Outcome, Shop

SCREEN = 25


def refused(done: Outcome, code: int, *words: str) -> None:
    """The run ended with ``code`` and said ``words``, in a screen of lines, none of them a traceback."""
    assert done.code == code, done.text
    assert "Traceback" not in done.text
    assert "INTERNALERROR" not in done.text
    for word in words:
        assert word in done.text, done.text
    ours = [line for line in done.text.splitlines() if line.strip() and not line.startswith(("=", "_", "plugins:"))]
    assert len(ours) <= SCREEN + 10, done.text
    assert " passed" not in done.text or " failed" in done.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[recent\nqueries.max = 1\n", ["budgets/orders.toml:1"]),
        (BUDGET + "work.bufers = 3\n", ["budgets/orders.toml:6", "work.buffers"]),
        (
            BUDGET + '[[recent.waive]]\nrule = "PB201"\nreason = "r"\nowner = "o"\n',
            ["budgets/orders.toml:6", "no until", "until = "],
        ),
    ],
    ids=["malformed", "misspelt key", "waiver without end"],
)
def test_budget_file(shop: Shop, text: str, words: list[str]) -> None:
    shop.write(**{"budgets/orders.toml": text})
    refused(shop.run(), 4, *words)


def test_file_in_place_of_the_budgets_folder(shop: Shop) -> None:
    shop.write(elsewhere="")
    refused(shop.run("--perf-budgets", "elsewhere"), 4, "elsewhere", "cannot be read: Not a directory")


def test_directory_in_place_of_a_budgets_file(shop: Shop) -> None:
    (shop.path / "budgets" / "lines.toml").mkdir()
    refused(shop.run(), 4, "budgets/lines.toml", "directory")


CONFLICT = "<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing of the kind", []),
        ('{"format": 1, "budget": "orders.recent", "envir', []),
        ('{"format": 99, "budget": "orders.recent"}', ["99", "newer"]),
        (CONFLICT, ["merge"]),
    ],
    ids=["corrupt", "truncated", "of a future format", "merge conflict"],
)
def test_baseline(shop: Shop, text: str, words: list[str]) -> None:
    path = shop.baseline()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    refused(shop.run(), 1, "budgets/baselines/pg18/orders.recent.json", *words)
    assert path.read_text() == text


def test_corrupt_baseline_is_not_written_over(shop: Shop) -> None:
    shop.baseline().parent.mkdir(parents=True)
    shop.baseline().write_text("nothing of the kind")
    refused(shop.run("--perf-update"), 1, "budgets/baselines/pg18/orders.recent.json")
    assert shop.baseline().read_text() == "nothing of the kind"


@pytest.mark.parametrize(
    ("seed", "files", "words"),
    [
        ('"broken.sql"', {"broken.sql": "CREATE TABLE a (b int);\n\nSELECT nothing FROM a;\n"}, ["broken.sql:3"]),
        ('"absent.sql"', {}, ["absent.sql"]),
        ('"seeding:all"', {}, ["seeding"]),
    ],
    ids=["SQL error", "absent file", "absent callable"],
)
def test_seed(shop: Shop, seed: str, files: dict[str, str], words: list[str]) -> None:
    shop.write(**files, **{"pyproject.toml": PROJECT.replace('"schema.sql"', seed)})
    refused(shop.run(), 4, *words)


def test_refusing_dsn_keeps_the_password(shop: Shop) -> None:
    done = shop.run("--perf-server", "postgresql://u:secret@127.0.0.1:1/x")
    refused(done, 4, "127.0.0.1")
    assert "secret" not in done.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--perf-server=nonsense"], ["nonsense", "embedded", "DSN"]),
        (["--perf-postgres=9"], ["--perf-postgres", "14, 15, 16, 17 or 18"]),
        (["--perf-accept=bettr"], ["bettr", "worse"]),
        (["--perf-accept=worse"], ["--perf-reason"]),
        (["--perf-dry-run"], ["--perf-update"]),
        (["--perf-report=nosuchkind:x"], ["nosuchkind", "give json"]),
        (["--perf-report=json"], ["KIND:PATH"]),
        (["--perf-baseline=nosuchref"], ["nosuchref"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) and value[0].startswith("--") else "",
)
def test_option(shop: Shop, arguments: list[str], words: list[str]) -> None:
    refused(shop.run(*arguments), 4, *words)


def test_unknown_key_of_the_project(shop: Shop) -> None:
    shop.append("pyproject.toml", 'sede = ["x.sql"]\n')
    refused(shop.run(), 4, "pyproject.toml", "sede", "did you mean seed?")


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ('"orders.recnt"', ["orders.recnt", "orders.recent"]),
        ('"orders.recent", queries={"max": 3}', ["the name of a budget, or the keys of one"]),
        ("", ["the name of a budget, or the keys of one"]),
    ],
    ids=["unknown name", "name and keys", "neither"],
)
def test_marker(shop: Shop, marker: str, words: list[str]) -> None:
    shop.write(**{"test_shop.py": TEST.replace('"orders.recent"', marker)})
    refused(shop.run(), 1, "test_shop.py:6", *words)


def test_table_that_does_not_exist(shop: Shop) -> None:
    shop.append("budgets/orders.toml", 'plan.forbid = ["Seq Scan on order"]\n')
    refused(shop.run(), 1, "budgets/orders.toml:6", "table order does not exist", "did you mean orders?")


def test_names_that_differ_by_their_letter_case_match_nothing_and_are_refused(shop: Shop) -> None:
    shop.append("schema.sql", 'CREATE TABLE "Lines" (id int); CREATE INDEX "Lines_Idx" ON "Lines" (id);\n')
    shop.append("budgets/orders.toml", 'plan.forbid = ["Seq Scan on Lines"]\n')
    refused(shop.run(), 1, "table lines does not exist", 'did you mean "Lines"?')
    budget = (shop.path / "budgets" / "orders.toml").read_text()
    shop.write(**{"budgets/orders.toml": budget.replace("Seq Scan on Lines", "Index Scan using Lines_Idx")})
    refused(shop.run(), 1, "budgets/orders.toml:6", "index lines_idx does not exist", 'did you mean "Lines_Idx"?')


def test_no_statement(shop: Shop) -> None:
    shop.write(**{"test_shop.py": TEST.replace("assert len(recent(42)) == 20", "pass")})
    done = shop.run()
    refused(done, 1, "the test ran no statement", "DATABASE_URL")
    assert done.verdicts == {"test_recent": "over"}


def test_unwritable_report(shop: Shop) -> None:
    shop.write(occupied="")
    shop.record()
    done = shop.run("--perf-report=json:occupied/perf.json")
    refused(done, 1, "--perf-report=json:", "could not be written", "1 passed")


def test_full_disk_leaves_the_old_baseline(shop: Shop) -> None:
    shop.record()
    before = shop.baseline().read_bytes()
    folder = sorted(path.name for path in shop.baseline().parent.iterdir())
    shop.write(**{"conftest.py": FULL, "test_more.py": TEST})
    done = shop.run("--perf-update")
    refused(done, 1, "cannot be written", "every file is as it was")
    assert shop.baseline().read_bytes() == before
    assert sorted(path.name for path in shop.baseline().parent.iterdir()) == folder


FULL = """
import resource, signal
from pytest_perfbudget.baselines.store import Store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
real = Store.write

def write(self, baselines):
    # Only while baselines are written: pytest's own output is a file too.
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
    try:
        return real(self, baselines)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

Store.write = write
"""
