from __future__ import annotations

import psycopg
import pytest

from pytest_perfbudget.pool.prepared import WORDS, explain


@pytest.mark.parametrize(
    ("error", "text", "explained"),
    [
        (psycopg.errors.DuplicatePreparedStatement, 'prepared statement "_pg3_0" already exists', True),
        (psycopg.errors.InvalidSqlStatementName, 'prepared statement "_pg3_1" does not exist', True),
        (psycopg.errors.InvalidSqlStatementName, 'prepared statement "mine" does not exist', False),
        (psycopg.errors.UndefinedTable, 'relation "_pg3_0" does not exist', False),
    ],
)
def test_only_the_driver_s_own_prepared_statements(error: type[psycopg.Error], text: str, explained: bool) -> None:
    raised = error(text)
    explain(raised)
    assert getattr(raised, "__notes__", []) == ([WORDS] if explained else [])
