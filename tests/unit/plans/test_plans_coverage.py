"""Which node types the recorded plans show: all that a server of each major can produce."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_types import NODE_TYPES, UNREACHABLE, recorded, table, variants
from recorded_plans import HERE, MAJORS
from snapshots import matches

from pytest_perfbudget.plans.labels import KNOWN
from pytest_perfbudget.plans.parse import parse

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "nodes.md"
TABLE = "<!-- the table of node types; tests/unit/plans/node_types.py writes it -->\n"


def test_all_supported_majors_are_recorded() -> None:
    assert MAJORS == (14, 15, 16, 17, 18)


@pytest.mark.parametrize("major", MAJORS)
def test_at_least_95_percent_of_the_node_types_are_recorded(major: int) -> None:
    found = recorded(major)
    missing = [kind for kind in NODE_TYPES if kind not in found]
    assert len(missing) <= 0.05 * len(NODE_TYPES), missing
    assert set(missing) <= set(UNREACHABLE), missing


@pytest.mark.parametrize("major", MAJORS)
def test_every_variant_that_a_server_can_produce_is_recorded(major: int) -> None:
    assert [word for word in variants(major) if word not in recorded(major) and word not in UNREACHABLE] == []


@pytest.mark.parametrize("major", MAJORS)
def test_no_recorded_node_is_of_a_type_or_variant_that_is_not_listed(major: int) -> None:
    newest = variants(major)
    assert [word for word in recorded(major) if word not in NODE_TYPES and word not in newest] == []


def test_a_pattern_can_name_every_node_type() -> None:
    assert set(NODE_TYPES) <= KNOWN


def test_a_document_modelled_on_citus_is_walked_whole() -> None:
    plan = parse((HERE / "modelled" / "citus.json").read_text())
    assert [node.type for node in plan.root.walk()] == [
        "Aggregate", "Custom Scan", "Seq Scan", "Aggregate", "Hash Join", "Seq Scan", "Hash", "Index Scan",
    ]  # fmt: skip
    custom = plan.root.children[0]
    assert [child.type for child in custom.children] == ["Seq Scan", "Aggregate"]


def test_the_table_in_the_reference_is_the_recorded_truth() -> None:
    head, _, _ = PAGE.read_text().partition(TABLE)
    matches(PAGE, head + TABLE + "\n" + table(MAJORS))
