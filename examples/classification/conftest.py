"""What every test of the service needs: a connection, made as the application makes it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from classification.db import connect


@pytest.fixture
def conn() -> Iterator[psycopg.Connection]:
    """A connection whose changes are not committed."""
    connection = connect()
    yield connection
    connection.rollback()
    connection.close()
