"""What a rule looks at: a plan, and whatever else is known about the statement it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pytest_perfbudget.model import Catalogue
from pytest_perfbudget.plans.node import Plan

Need = Literal["plan", "analyze", "buffers", "timing", "sql", "catalogue", "baseline", "seqscan_off", "generic"]
"""Evidence a rule can ask for; ``EVIDENCE`` says what each is, ``MISSING`` that it is not there."""

EVIDENCE: Mapping[Need, str] = {
    "plan": "a plan",
    "analyze": "an executed plan (ANALYZE)",
    "buffers": "counted blocks (BUFFERS)",
    "timing": "timed planning and execution (SUMMARY)",
    "sql": "the statement's text",
    "catalogue": "the catalogue",
    "baseline": "the recorded plan",
    "seqscan_off": "the plan with `enable_seqscan = off`",
    "generic": "the generic plan (`plan.generic = true`)",
}

MISSING: Mapping[Need, str] = {
    "plan": "there is no plan",
    "analyze": "the statement was planned, not executed (ANALYZE)",
    "buffers": "blocks were not counted (BUFFERS)",
    "timing": "planning and execution were not timed (SUMMARY)",
    "sql": "the statement's text is not known",
    "catalogue": "the database's catalogue was not read",
    "baseline": "no plan is recorded to compare with",
    "seqscan_off": "it was not planned with enable_seqscan = off",
    "generic": "it was not planned without its parameters' values (plan.generic)",
}


@dataclass(frozen=True, slots=True)
class Generic:
    """The plan without the parameters' values, executed with them where the statement only reads.

    ``switches`` says whether PostgreSQL takes it at the sixth execution, after five with the parameters of some call of
    the same statement.
    """

    plan: Plan
    switches: bool


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A plan under examination, and the evidence beside it, None or empty where nobody asked for it.

    Subjects compare by identity. ``sql`` is the statement's text as the server got it; ``baseline`` the lines of the
    recorded plan it is compared with; ``seqscan_off`` the plan of the same statement with ``enable_seqscan = off``.
    ``why`` says of evidence that was asked for and could not be had what went wrong.
    """

    plan: Plan
    sql: str = ""
    catalogue: Catalogue | None = None
    baseline: tuple[str, ...] = ()
    seqscan_off: Plan | None = None
    generic: Generic | None = None
    why: Mapping[str, str] = field(default_factory=dict)

    def missing(self, needs: frozenset[Need]) -> str | None:
        """Why a rule with these needs cannot look at this plan; None where it can."""
        for need in MISSING:
            if need in needs and not self._has(need):
                return self.why.get(need) or MISSING[need]
        return None

    def _has(self, need: Need) -> bool:
        match need:
            case "plan":
                return True
            case "analyze":
                return self.plan.analyzed
            case "buffers":
                return self.plan.buffered
            case "timing":
                return self.plan.timed
            case _:
                return bool(getattr(self, need))
