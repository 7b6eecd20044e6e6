"""What crosses between the run that compares and the reference's."""

from __future__ import annotations

import socket
import sys
import types
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.model import Environment, Site, Statement
from pytest_perfbudget.postgres.profile import DETERMINISTIC
from pytest_perfbudget.session.against.giving import _strayed, answer, receive
from pytest_perfbudget.session.against.parcel import Given, GivenQuery, GivenTest, Order, packed, unpacked
from pytest_perfbudget.session.options import Options

OPTIONS = Options(Path("/project"), "r" * 32, "gw1", server="embedded", profile=DETERMINISTIC, against="main")
ORDER = Order.of(OPTIONS, {"test_a.py::test_x": "call"}, "/project")
STATEMENT = Statement("select $1", (b"\x00\xff", None), (17, 23), (1, 0), Site("a.py", 3, "f"))
GIVEN = Given(
    {
        "test_a.py::test_x": GivenTest(
            "a.x", (GivenQuery(QueryRecord("0" * 12, "select $1", (), 1.5), STATEMENT, False),)
        )
    },
    "abc",
    Environment("18.6", 18, "deterministic", "embedded", "C.UTF-8", 8192, False),
)


@pytest.mark.parametrize("parcel", [ORDER, GIVEN, Given()], ids=["order", "given", "nothing"])
def test_a_parcel_arrives_as_it_was_sent(parcel: Order | Given) -> None:
    assert unpacked(type(parcel), packed(parcel)) == parcel


def test_a_parcel_cut_short_is_no_parcel() -> None:
    with pytest.raises(msgspec.DecodeError):
        unpacked(Given, packed(GIVEN)[:-5])


def test_the_reference_takes_our_server_and_judges_nothing() -> None:
    own = Options(Path("/tree"), "o" * 32, update=True, explain=True, against="main", reports=(("json", Path("x")),))
    applied = ORDER.applied(own)
    assert (applied.root, applied.run_id, applied.worker) == (Path("/tree"), "r" * 32, "gw1_ref")
    assert (applied.server, applied.profile) == ("embedded", DETERMINISTIC)
    assert not any((applied.update, applied.explain, applied.against, applied.reports))


def test_order_and_answer_share_one_descriptor() -> None:
    ours, its = socket.socketpair()
    with ours:
        sender = Thread(target=lambda: (ours.sendall(packed(ORDER)), ours.shutdown(socket.SHUT_WR)))
        sender.start()
        descriptor = its.detach()
        assert receive(descriptor) == ORDER
        sender.join()
        answer(descriptor, GIVEN)
        assert unpacked(Given, b"".join(iter(lambda: ours.recv(1 << 16), b""))) == GIVEN


def test_modules_of_the_working_tree_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, file in (
        ("strayed_shop", tmp_path / "shop" / "orders.py"),
        ("strayed_lib", tmp_path / ".venv" / "lib" / "site-packages" / "lib.py"),
        ("pytest_perfbudget.strayed", tmp_path / "pytest_perfbudget" / "strayed.py"),
    ):
        module = types.ModuleType(name)
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, name, module)
    assert list(_strayed(tmp_path.resolve())) == ["shop/orders.py"]
