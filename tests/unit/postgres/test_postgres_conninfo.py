import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres import conninfo

words = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), min_size=1, max_size=20)


@given(user=words, password=words, database=words, folder=words)
def test_a_url_reads_back_as_it_was_written(user: str, password: str, database: str, folder: str) -> None:
    params = {"user": user, "password": password, "host": f"/tmp/{folder.replace(',', '')}", "port": "5432"}
    read = conninfo.parse(conninfo.url(params, database))
    assert read == {**params, "dbname": database}


@given(password=words, user=words)
def test_no_password_survives_redaction(password: str, user: str) -> None:
    params = {"user": user, "password": password, "host": "h", "port": "1"}
    assert f":{password}@" not in conninfo.redact(conninfo.url(params, "d"), params)


def test_a_network_address_goes_where_every_driver_looks() -> None:
    params = {"user": "u", "host": "::1", "port": "5433", "sslmode": "require"}
    assert conninfo.url(params, "d") == "postgresql://u@[::1]:5433/d?sslmode=require"


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://u:se@cret@h/d", "postgresql://u:se/cret@h/d", "password=se cret"],
)
def test_a_dsn_that_cannot_be_read_is_refused_without_its_password(dsn: str) -> None:
    with pytest.raises(ServerError, match="percent-encode") as caught:
        conninfo.connect(dsn)
    assert "cret" not in str(caught.value)


def test_a_refusing_server_is_named_without_the_password() -> None:
    with pytest.raises(ServerError) as caught:
        conninfo.connect("postgresql://u:s%40crt%3A%2F%3F%23%20%25@127.0.0.1:1/d")
    assert "127.0.0.1" in str(caught.value)
    assert "crt" not in str(caught.value)
