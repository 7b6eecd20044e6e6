"""What was asked of the server about a statement, besides what its executions showed by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_perfbudget.model.catalogue import Catalogue
from pytest_perfbudget.model.plan_evidence import PlanEvidence


@dataclass(frozen=True, slots=True)
class Probes:
    """Evidence for plan rules; each None where nobody asked for it. Never recorded.

    ``seqscan_off`` and ``generic`` are EXPLAIN documents: with ``enable_seqscan = off``, and without the parameters'
    values. ``timed`` is that of a repetition whose planning and execution were timed. ``why`` says of what was asked
    for and could not be had what went wrong, by the name of the evidence.
    """

    catalogue: Catalogue | None = None
    seqscan_off: dict[str, Any] | None = None
    generic: dict[str, Any] | None = None
    timed: dict[str, Any] | None = None
    why: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GenericEvidence:
    """The plan of a statement without its parameters' values.

    ``cost`` is its estimate, ``custom_cost`` that of the custom plans on average, without the charge for planning them.
    ``switches`` says whether PostgreSQL took it at the sixth execution with the parameters of this query, ``reachable``
    whether it did with those of any query of the same statement.
    """

    plan: PlanEvidence
    cost: float
    custom_cost: float
    switches: bool
    reachable: bool


@dataclass(frozen=True, slots=True)
class RuleNote:
    """What a rule says of a query that its budget did not name it for: a finding, or (``judged`` false) why it cannot
    look. Shown to who asks; it decides nothing."""

    code: str
    name: str
    relation: str | None
    message: str
    judged: bool
