"""How a CI run is recognised."""

from __future__ import annotations

import pytest

from pytest_perfbudget.session.ci import evidence


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"CI": "true"}, "CI is set"),
        ({"CI": "false"}, None),
        ({"CI": "0"}, None),
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, "GITHUB_ACTIONS is set"),
        ({"CI": "true", "PERFBUDGET_CI": "0"}, None),
        ({"PERFBUDGET_CI": "1"}, "PERFBUDGET_CI is set"),
    ],
)
def test_the_evidence_is_named(environ: dict[str, str], expected: str | None) -> None:
    assert evidence(environ) == expected
