"""Plan rules: those a budget names are promises, the others explain, and neither looks without its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_perfbudget.baselines.record import QueryRecord
from pytest_perfbudget.budgets.budget import Budget, RuleSetting
from pytest_perfbudget.model import Finding, QueryEvidence, RuleNote, Verdict
from pytest_perfbudget.plans.fingerprint import fingerprint
from pytest_perfbudget.plans.node import Plan
from pytest_perfbudget.plans.recent import parsed
from pytest_perfbudget.plans.render import line
from pytest_perfbudget.rules.base import Hit, Rule, check
from pytest_perfbudget.rules.subject import Generic, Need, Subject
from pytest_perfbudget.verdict.executed import Executed
from pytest_perfbudget.verdict.gather import site_of
from pytest_perfbudget.verdict.judgement import Judgement

Records = Mapping[str, QueryRecord]
"""The key of a query → what is recorded of it, where that can be compared."""

_NOT_JUDGED = "not judged: "
_TIMES = ("Planning Time", "Execution Time", "JIT")


def asked(budget: Budget, queries: Iterable[QueryEvidence], rules: Iterable[Rule]) -> dict[str, frozenset[Need]]:
    """What the rules that a budget names need to know of each query, by its key, and ``plan.generic`` with them."""
    by_code = {rule.code: rule for rule in rules}
    needs: dict[str, frozenset[Need]] = {}
    for query in queries:
        found: set[Need] = set()
        for one in budget.concerning(query.names):
            found.update(need for code in _named(one) if code in by_code for need in by_code[code].needs)
            found.update({"generic"} if one.plan_generic else ())
        needs[query.key] = frozenset(found)
    return needs


def asks_catalogue(budget: Budget, rules: Iterable[Rule]) -> bool:
    """Whether a rule that the budget names, for all its statements or some, needs the catalogue."""
    named = {code for one in (budget, *budget.queries.values()) for code in _named(one)}
    return any(rule.code in named and "catalogue" in rule.needs for rule in rules)


def unexplained(budget: Budget, judgement: Judgement, rules: Iterable[Rule]) -> dict[str, frozenset[Need]]:
    """What the explaining rules would have to know of each query that got worse by another plan."""
    needs = frozenset(need for rule in explaining(budget, rules) for need in rule.needs) - {"generic"}
    shapes = {
        finding.query for finding in judgement.findings if finding.verdict is Verdict.REGRESSED and finding.detail
    }
    worse = {pair.new for pair in judgement.pairs if pair.new and pair.verdict is Verdict.REGRESSED}
    return dict.fromkeys(worse & shapes, needs)


def explaining(budget: Budget, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules that explain a regression: those the budget does not name. What it promises is a finding already."""
    return tuple(rule for rule in rules if rule.code not in budget.rules)


def fresh_hits(plan: Plan, query: QueryEvidence, record: QueryRecord, rules: Sequence[Rule]) -> tuple[Hit, ...]:
    """What the rules find in a plan that is not recorded.

    A rule that looks at shapes alone would have found the same at the same node of the recorded plan: that is no news.
    What one finds in counters may be, though the node is the same.
    """
    before = {text.strip() for known in record.plans for text in known.tree}
    of_shapes = {rule.code for rule in rules if "analyze" not in rule.needs}
    hits = check(subject(plan, query, record), rules)
    return tuple(hit for hit in hits if not (hit.code in of_shapes and hit.node and line(hit.node) in before))


def subject(plan: Plan, query: QueryEvidence, record: QueryRecord | None) -> Subject:
    """A plan of a query with all that is known of the statement."""
    probes = query.probes
    return Subject(
        plan=_timed(plan, query.probes.timed),
        sql=query.executions[0].sql if query.executions else query.sql,
        catalogue=probes.catalogue,
        baseline=record.plans[0].tree if record and record.plans else (),
        seqscan_off=parsed(probes.seqscan_off) if probes.seqscan_off else None,
        generic=_generic(plan, query),
        why=probes.why,
    )


def _timed(plan: Plan, repetition: Mapping[str, Any] | None) -> Plan:
    """The plan with the times of a repetition, where its own execution was not timed."""
    if plan.timed or repetition is None:
        return plan
    times = {name: repetition[name] for name in _TIMES if name in repetition}
    return replace(plan, document={**plan.document, **times})


def _generic(plan: Plan, query: QueryEvidence) -> Generic | None:
    """A statement without parameters has one plan only."""
    if query.probes.generic and query.generic:
        return Generic(parsed(query.probes.generic), query.generic.reachable)
    parameters = any(statement.params for statement in query.executions)
    return None if parameters or not query.executions else Generic(plan, False)


def check_rules(
    budget: Budget, queries: Sequence[QueryEvidence], rules: Iterable[Rule], records: Records
) -> Iterator[Finding]:
    """``over`` for each thing a named rule finds, once per statement and relation; ``unjudged`` if it cannot look."""
    named = _named(budget)
    subjects = [(query, _Subjects(query, records.get(query.key))) for query in queries] if named else []
    for rule in (rule for rule in rules if rule.code in named):
        setting = named[rule.code]
        silent: dict[str, list[QueryEvidence]] = {}
        for query, plans in subjects:
            hits = _hits(plans, rule, setting.thresholds)
            yield from (_over(hit, query, setting) for hit in hits if hit.judged)
            for reason in (hit.message for hit in hits if not hit.judged):
                silent.setdefault(reason, []).append(query)
        yield from (_unjudged(rule, reason, found, setting) for reason, found in silent.items())


def noted(queries: Iterable[QueryEvidence], rules: Sequence[Rule], records: Records) -> tuple[QueryEvidence, ...]:
    """The queries with what every rule says of their plans, each plan looked at once."""
    return tuple(replace(query, notes=_notes(query, rules, records.get(query.key))) for query in queries)


def _notes(query: QueryEvidence, rules: Sequence[Rule], record: QueryRecord | None) -> tuple[RuleNote, ...]:
    first: dict[str, Subject] = {}
    for one in _Subjects(query, record):
        first.setdefault(fingerprint(one.plan), one)
    plans = list(first.values())
    return tuple(_note(hit) for rule in rules for hit in _hits(plans, rule, {}))


class _Subjects:
    """What rules look at, plan by plan, as often as there are rules."""

    def __init__(self, query: QueryEvidence, record: QueryRecord | None) -> None:
        self._query, self._record = query, record

    def __iter__(self) -> Iterator[Subject]:
        return (subject(plan, self._query, self._record) for plan in Executed(self._query))


def _named(budget: Budget) -> dict[str, RuleSetting]:
    return {code: setting for code, setting in budget.rules.items() if setting.on}


def _hits(subjects: Iterable[Subject], rule: Rule, thresholds: Mapping[str, float]) -> list[Hit]:
    """A rule's findings in all plans of a query, the first of each relation; why it cannot look, each reason once."""
    found: dict[object, Hit] = {}
    for one in subjects:
        for hit in check(one, [rule], {rule.code: thresholds}):
            found.setdefault((hit.judged, hit.relation if hit.judged else hit.message), hit)
    return list(found.values())


def _over(hit: Hit, query: QueryEvidence, setting: RuleSetting) -> Finding:
    words = "   ".join(part for part in (hit.name, hit.relation, hit.message) if part)
    return Finding(setting.code, Verdict.OVER, words, query=query.key, site=site_of(query), budget_at=setting.at)


def _unjudged(rule: Rule, reason: str, queries: list[QueryEvidence], setting: RuleSetting) -> Finding:
    others = f" (and {len(queries) - 1} more statements)" if len(queries) > 1 else ""
    words = f"{rule.name}: {reason.removeprefix(_NOT_JUDGED)}{others}"
    first = queries[0]
    return Finding(rule.code, Verdict.UNJUDGED, words, query=first.key, site=site_of(first), budget_at=setting.at)


def _note(hit: Hit) -> RuleNote:
    return RuleNote(hit.code, hit.name, hit.relation, hit.message.removeprefix(_NOT_JUDGED), hit.judged)
