"""Baselines on disk: all or nothing, no litter, and errors that name the file."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from baselines_data import baseline, evidence, query

from pytest_perfbudget.baselines.record import Baseline
from pytest_perfbudget.baselines.store import Store
from pytest_perfbudget.errors import BaselineError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "budgets" / "baselines", tmp_path)


def _named(budget: str, **values: object) -> Baseline:
    return replace(baseline(evidence(query(**values))), budget=budget)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def _files_end_at(size: int) -> Iterator[None]:
    """Every write beyond ``size`` bytes fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_baseline_comes_back(store: Store) -> None:
    one = _named("orders.recent")

    assert store.load(18, "orders.recent") is None
    assert store.write([one]) == (store.folder / "pg18" / "orders.recent.json",)
    assert store.load(18, "orders.recent") == one
    assert store.load(17, "orders.recent") is None


def test_writing_the_same_again_touches_nothing(store: Store) -> None:
    store.write([_named("orders.recent")])
    path = store.path(18, "orders.recent")
    os.utime(path, (1, 1))

    assert store.write([_named("orders.recent")]) == ()
    assert path.stat().st_mtime == 1


def test_budgets_and_majors_are_found(store: Store) -> None:
    old = replace(_named("a.b"), environment=replace(_named("a.b").environment, major=15))
    store.write([_named("a.b"), _named("a/weird name.c"), old])
    (store.folder / "pgx").mkdir()
    (store.folder / "pg18" / ".a.b.json.77.tmp").write_text("{")

    assert set(store.load_all(18)) == {"a.b", "a/weird name.c"}
    assert store.majors_recorded("a.b") == (15, 18)
    assert store.majors_recorded("nothing") == ()
    assert store.load_all(14) == {}


def test_a_deleted_baseline_is_gone(store: Store) -> None:
    store.write([_named("a.b")])
    store.delete(18, "a.b")
    store.delete(18, "a.b")

    assert store.load(18, "a.b") is None


def test_a_full_disk_leaves_every_old_file_whole(store: Store, tmp_path: Path) -> None:
    store.write([_named("a.first"), _named("b.second")])
    before = _files(tmp_path)
    large = _named("b.second", sql="select " + "x" * 20_000)

    with _files_end_at(8192), pytest.raises(BaselineError) as caught:
        store.write([_named("a.first", buffers=99), large])

    assert _files(tmp_path) == before
    assert str(caught.value.at) == "budgets/baselines/pg18/b.second.json"
    assert "File too large" in caught.value.what
    assert "nothing was recorded" in caught.value.remedy


def test_a_full_disk_leaves_no_folder_either(store: Store, tmp_path: Path) -> None:
    with _files_end_at(10), pytest.raises(BaselineError):
        store.write([_named("a.first")])

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_said(store: Store, tmp_path: Path) -> None:
    (tmp_path / "budgets").mkdir()
    (tmp_path / "budgets" / "baselines").write_text("")

    for attempt in (
        lambda: store.load(18, "a.b"),
        lambda: store.load_all(18),
        lambda: store.majors_recorded("a.b"),
        lambda: store.write([_named("a.b")]),
    ):
        with pytest.raises(BaselineError) as caught:
            attempt()
        assert "budgets/baselines" in str(caught.value.at)


def test_a_file_that_cannot_be_read_is_said(store: Store) -> None:
    store.path(18, "a.b").mkdir(parents=True)
    with pytest.raises(BaselineError, match=r"budgets/baselines/pg18/a\.b\.json: cannot be read: Is a directory"):
        store.load(18, "a.b")

    store.path(18, "c.d").write_bytes(b'{"budget": "\xff"}')
    with pytest.raises(BaselineError, match="not UTF-8"):
        store.load(18, "c.d")


def test_a_file_under_another_name_is_refused(store: Store) -> None:
    store.write([_named("a.b")])
    store.path(18, "a.b").rename(store.path(18, "a.c"))

    with pytest.raises(BaselineError, match=r"records budget 'a\.b', its name says 'a\.c'"):
        store.load_all(18)
