"""What a rule is, what it finds, and how a plan is held against several.

A rule that could not look says so: its hit has ``judged=False`` and names what is missing. A rule that crashes is a
hit too, ``PB000``, so that one bad rule neither ends a run nor passes in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pytest_perfbudget.plans.node import Node
from pytest_perfbudget.rules.subject import Need, Subject

__all__ = ["CRASH", "Hit", "Need", "Rule", "Thresholds", "check"]

Thresholds = Mapping[str, float]

CRASH = "PB000"


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule's finding at a node, or (``judged`` false) why there can be none.

    ``relation`` is the alias or table the finding is about; ``message`` gives figures, without the rule's name.
    """

    code: str
    name: str
    relation: str | None
    message: str
    node: Node | None = None
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing a plan can do wrong.

    ``code`` is ``PB`` and three digits (plugins use a prefix of their own), ``name`` the pattern in kebab case.
    ``needs`` is the evidence without which ``check`` is not called. ``thresholds`` are the defaults of what a budget
    may change. ``page`` is the documentation: what it finds, why that matters, an example, what to do instead.
    """

    code: str
    name: str
    needs: frozenset[Need]
    check: Callable[[Subject, Thresholds], Iterable[Hit]]
    page: str
    thresholds: Thresholds = field(default_factory=dict)


def check(
    subject: Subject, rules: Iterable[Rule], thresholds: Mapping[str, Thresholds] | None = None
) -> tuple[Hit, ...]:
    """Every hit of every rule, in the order of the rules; ``thresholds`` are a budget's, by the rule's code."""
    hits: list[Hit] = []
    for rule in rules:
        missing = subject.missing(rule.needs)
        if missing:
            hits.append(Hit(rule.code, rule.name, None, f"not judged: {missing}", judged=False))
        else:
            hits += _guarded(rule, subject, {**rule.thresholds, **(thresholds or {}).get(rule.code, {})})
    return tuple(hits)


def _guarded(rule: Rule, subject: Subject, thresholds: Thresholds) -> list[Hit]:
    try:
        return list(rule.check(subject, thresholds))
    except Exception as error:
        words = f"not judged: {rule.code} {rule.name} crashed with {type(error).__name__}: {error}"
        return [Hit(CRASH, "rule-crash", None, words, judged=False)]
