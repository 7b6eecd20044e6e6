"""Which kind of server a run gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.server import Refusal, Request
from pytest_perfbudget.session.choose import choose


@dataclass(frozen=True)
class Kind:
    """Offers what it was told to."""

    name: str
    offered: Any

    def offer(self, request: Request) -> Any:
        return self.offered


def request(server: str) -> Request:
    return Request("run", server=server, major=18)


KINDS = (Kind("container", Refusal("no engine", "start Docker")), Kind("embedded", "a server"), Kind("dsn", "theirs"))


def test_auto_takes_the_first_that_offers_one() -> None:
    assert choose(KINDS, request("auto")) == "a server"


def test_auto_never_takes_a_server_that_nobody_named() -> None:
    with pytest.raises(ServerError) as caught:
        choose((KINDS[0], KINDS[2]), request("auto"))
    assert "container: no engine (start Docker)" in str(caught.value)
    assert "dsn" not in str(caught.value)


def test_a_dsn_goes_to_the_dsn_kind_alone() -> None:
    assert choose(KINDS, request("postgresql://u@h/d")) == "theirs"


def test_a_kind_is_taken_by_its_name_or_refused_with_the_known_ones() -> None:
    assert choose(KINDS, request("embedded")) == "a server"
    with pytest.raises(ServerError, match="no such kind of server"):
        choose(KINDS, request("embeded"))
