"""What the campaign of contrast counts: a schedule in which deletion goes stale, and the query cache does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"


@pytest.mark.parametrize(("name", "stale"), [("cashews", 1), ("dogpile", 1), ("ours", 0)])
def test_a_reader_that_keeps_what_it_read_before_a_commit_deleted_it(
    server_cache: str, monkeypatch: pytest.MonkeyPatch, name: str, stale: int
) -> None:
    monkeypatch.syspath_prepend(str(CAMPAIGNS))
    import cache_contrast
    import cache_model

    with cache_model.servers(server_cache) as on, cache_contrast.protocols(name, on) as on.protocols:
        model: Any = cache_model.CacheModel()
        try:
            model.read(0, 0, 0)
            reader = model.readers[0]
            while not reader.text.startswith("SELECT name FROM items"):
                reader.advance()
            reader.advance()  # and holds the rows
            model.write(0, 0)
            model.commit(0, 25)
            model.advance(reader, 40)
            model.read(1, 0, 40)
            assert on.tally.get("stale", 0) == stale
            assert on.tally.get("hits", 0) == stale
        finally:
            model.teardown()
