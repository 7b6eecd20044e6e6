"""The subject of a case: its plan, and the recorded evidence the case names beside it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from pytest_perfbudget.model import Catalogue
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.parse import parse
from pytest_perfbudget.plans.render import tree
from pytest_perfbudget.rules.subject import Generic, Subject

HERE = Path(__file__).parent
RECORDED = (HERE / "recorded", HERE.parent / "plans" / "recorded")
"""Where a case's plan may lie: what only rules need, and what all tests of plans share."""


def subject(case: dict[str, Any]) -> Subject:
    """``plan``, ``baseline``, ``seqscan_off`` and ``generic`` name recorded plans (``pg18/name``), ``catalogue`` a half
    of ``recorded/``; ``switches`` goes with ``generic``. The statement's text is that of the queries' file."""
    major, _, name = case["plan"].partition("/")
    generic = case.get("generic")
    return Subject(
        plan=recorded(case["plan"]),
        sql=_texts().get(name, ""),
        catalogue=_catalogue(major, case["catalogue"]) if "catalogue" in case else None,
        baseline=tree(recorded(case["baseline"])) if "baseline" in case else (),
        seqscan_off=recorded(case["seqscan_off"]) if "seqscan_off" in case else None,
        generic=Generic(recorded(generic), case.get("switches", True)) if generic else None,
    )


def recorded(name: str) -> Plan:
    """The plan ``pg18/name``; one folder has it, so that a name says which is meant."""
    (path,) = (folder / f"{name}.json" for folder in RECORDED if (folder / f"{name}.json").exists())
    return parse(path.read_text())


@cache
def _catalogue(major: str, half: str) -> Catalogue:
    return msgspec.json.decode((HERE / "recorded" / major / f"catalogue_{half}.json").read_bytes(), type=Catalogue)


@cache
def _texts() -> dict[str, str]:
    """The statement of each query that only rules need; of a prepared one what was prepared."""
    texts = {}
    for path in (HERE / "recorded").glob("queries_*.sql"):
        for block in path.read_text().split("-- name: ")[1:]:
            name, _, body = block.partition("\n")
            prepared = re.search(r"^-- prepare: \(.*?\) AS (.*)$", body, re.MULTILINE)
            plain = re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")
            texts[name] = prepared[1] if prepared else plain
    return texts
