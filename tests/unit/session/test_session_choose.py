"""Which kind of server a run gets, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.processes.offer import Refusal
from pytest_perfbudget.session.choose import Choice, Wanted, choose, described, taken


@dataclass(frozen=True)
class Kind:
    """Refuses, or does not."""

    name: str
    refused: Refusal | None = None

    def refusal(self, request: object) -> Refusal | None:
        return self.refused

    def start(self, request: object) -> str:
        return self.name


KINDS = (Kind("container", Refusal("no engine", "start Docker")), Kind("embedded"), Kind("local"), Kind("dsn"))


def wanted(named: str, *, dsn: bool = False) -> Wanted:
    return Wanted("PostgreSQL 18", "--perf-server", named, dsn)


def chosen(named: str, kinds: tuple[Kind, ...] = KINDS, *, dsn: bool = False) -> Choice[Kind]:
    return choose(kinds, wanted(named, dsn=dsn), None)


def test_auto_takes_the_first_that_does_not_refuse() -> None:
    choice = chosen("auto")
    assert taken(choice, wanted("auto")).name == "embedded"
    assert described(choice, wanted("auto")) == "PostgreSQL 18 from embedded (not container: no engine)"


def test_auto_never_takes_a_server_that_nobody_named() -> None:
    choice = chosen("auto", (KINDS[0], KINDS[3]))
    assert described(choice, wanted("auto")) == "no PostgreSQL 18 (container: no engine)"
    with pytest.raises(ServerError) as caught:
        taken(choice, wanted("auto"))
    assert "container: no engine (start Docker)" in str(caught.value)
    assert "dsn" not in str(caught.value)


def test_a_dsn_goes_to_the_dsn_kind_alone_and_is_not_shown() -> None:
    named = "postgresql://u:secret@h/d"
    choice = chosen(named, dsn=True)
    assert taken(choice, wanted(named, dsn=True)).name == "dsn"
    assert "secret" not in described(choice, wanted(named, dsn=True))


def test_a_kind_is_taken_by_its_name_or_refused_with_the_known_ones() -> None:
    assert taken(chosen("local"), wanted("local")).name == "local"
    with pytest.raises(ServerError, match="no PostgreSQL 18 from container"):
        taken(chosen("container"), wanted("container"))
    for misspelt in ("embeded", "dsn"):
        with pytest.raises(ServerError, match="no such kind of server"):
            chosen(misspelt)
