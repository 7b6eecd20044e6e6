"""The short form of the campaign: no stale read in drawn schedules, and a stale one where a part is missing."""

from __future__ import annotations

import pytest
from campaigns import cache_model


def test_no_read_is_stale(server_cache: str) -> None:
    with cache_model.servers(server_cache) as on:
        cache_model.explore(12, 40)
        assert on.tally["hits"] > 10


@pytest.mark.parametrize("part", ["marks", "debts", "barriers", "running"])
def test_each_part_of_the_protocol_is_needed(server_cache: str, part: str) -> None:
    with cache_model.servers(server_cache) as on:
        stale_without(part)
        on.unsound = part
        with pytest.raises(cache_model.StaleError):
            stale_without(part)


CHANGES = {
    "keys": ("UPDATE owned SET n", 15, 2),
    "wholes": ("INSERT INTO owned SELECT", 15, 1),
    "moves": ("UPDATE owned SET owner", 14, 2),
}
"""What is stale of one owner's rows without the part; the number that makes it this owner's; hits of another's rows."""


@pytest.mark.parametrize("part", CHANGES)
def test_each_part_of_keys_is_needed(server_cache: str, part: str) -> None:
    with cache_model.servers(server_cache):
        assert change_an_owner(*CHANGES[part]) == CHANGES[part][2]
    with cache_model.servers(server_cache, part), pytest.raises(cache_model.StaleError):
        change_an_owner(*CHANGES[part])


def change_an_owner(beginning: str, number: int, _: int) -> int:
    """How many reads of another owner's rows were hits after the change."""
    model = cache_model.CacheModel()
    read = "SELECT id, n, tag FROM owned WHERE owner = %s ORDER BY id"
    mine, others = (cache_model.READS.index((read, (owner,))) for owner in (1, 7))
    changes = (*cache_model.SHARED, *cache_model.EXCLUSIVE)
    try:
        model.read_through(0, mine)
        model.read_through(0, others)
        model.n = number - 1
        model.write(0, next(place for place, text in enumerate(changes) if text.startswith(beginning)))
        model.commit(0, 25)
        before = model.on.tally["hits"]
        model.read_through(0, others)
        hits = model.on.tally["hits"] - before
        model.read_through(0, mine)
        return hits
    finally:
        model.teardown()


def test_no_read_is_stale_where_a_slot_covers_writers(server_cache: str) -> None:
    with cache_model.servers(server_cache, decoded=True) as on:
        cache_model.explore(12, 40)
        assert on.tally["hits"] > 10


@pytest.mark.parametrize("part", ["touched", "behind", "ddl"])
def test_each_part_of_decoding_is_needed(server_cache: str, part: str) -> None:
    with cache_model.servers(server_cache, decoded=True):
        assert written_without_a_cache(part) == 0
    with cache_model.servers(server_cache, part, decoded=True), pytest.raises(cache_model.StaleError):
        written_without_a_cache(part)


def written_without_a_cache(part: str) -> int:
    """How many reads were hits when the licence had ended."""
    model = cache_model.CacheModel()
    write = cache_model.EXCLUSIVE[2] if part == "ddl" else cache_model.FOREIGN[0]
    number = 3 if part == "ddl" else 0
    model.without_a_cache = lambda what: write.format(n=77)  # type: ignore[method-assign]
    try:
        model.read_through(0, number)
        before = model.on.tally["hits"]
        model.write_without_a_cache(0)
        model.now += 1.0
        if part == "behind":  # this one cannot pay
            model.readers[2].down = "down"
            model.read(2, number, 60)
        model.read(0, number, 60)
        return model.on.tally["hits"] - before
    finally:
        model.teardown()


def stale_without(part: str) -> None:
    """A short schedule that goes stale without it, and only then."""
    model = cache_model.CacheModel()
    try:
        model.read_through(0, 0)
        model.read_through(0, 0)
        model.writers[0].down = "down" if part == "debts" else ""
        model.write(0, 0)
        model.commit(0, 4 if part == "marks" else 25)
        if part in ("barriers", "running"):  # the mark is lost, or met; and the writer dies when it has committed
            model.roll_back(0)
            model.write(1, 0)
            model.commit(1, 3)
            if part == "barriers":
                model.disturb("flush")
            model.read_through(0, 0)
            model.commit(1, 1)
            model.writers[1].kill()
        model.read_through(0, 0)
    finally:
        model.teardown()
