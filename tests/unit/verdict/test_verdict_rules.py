"""Rules that a budget names, rules that explain, and rules that lack what they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from verdict_data import baseline, budget, evidence, scan, statement

from pytest_perfbudget.model import (
    Catalogue,
    Finding,
    GenericEvidence,
    PlanEvidence,
    Probes,
    QueryEvidence,
    Table,
    TestEvidence,
    Verdict,
)
from pytest_perfbudget.rules import BUILTIN
from pytest_perfbudget.rules.base import Hit, Rule, Thresholds
from pytest_perfbudget.rules.subject import Subject
from pytest_perfbudget.verdict.judge import Bench, judge
from pytest_perfbudget.verdict.rules import asked, asks_catalogue, explaining, noted, subject, unexplained

BENCH = Bench(date(2026, 1, 1), {"orders": 5000}, BUILTIN)
SEQ = scan("Seq Scan", 2000, Filter="(id = 1)", **{"Rows Removed by Filter": 199_999})
SECOND = "SELECT count(*) FROM orders"


def findings(rules: dict[str, object], seen: TestEvidence, bench: Bench = BENCH, **keys: object) -> list[Finding]:
    judged = judge(budget(plan={"rules": rules}, **keys), seen, None, bench).findings
    return [finding for finding in judged if finding.code != "baseline"]


def with_probes(seen: TestEvidence, **probes: object) -> TestEvidence:
    queries = tuple(replace(query, probes=Probes(**probes)) for query in seen.queries)  # type: ignore[arg-type]
    return replace(seen, queries=queries)


def test_a_named_rule_is_over_with_the_place_that_names_it() -> None:
    [finding] = findings({"PB201": "on"}, evidence(statement(SEQ)))
    assert (finding.code, finding.verdict) == ("PB201", Verdict.OVER)
    assert finding.message == "sequential-scan   orders   looked at 200,000 rows to return 1"
    assert str(finding.budget_at) == "budgets/orders.toml:1"
    assert finding.query
    assert finding.site


def test_its_thresholds_are_the_budgets() -> None:
    seen = evidence(statement(SEQ))
    assert findings({"PB201": {"rows": 200_001}}, seen) == []
    assert len(findings({"PB201": {"rows": 200_000}}, seen)) == 1


def test_a_rule_is_over_once_for_each_statement_however_often_it_ran() -> None:
    other = SEQ | {"Query Text": SECOND}
    seen = evidence(statement(SEQ), statement(SEQ), statement(other, sql=SECOND))
    assert [finding.verdict for finding in findings({"PB201": "on"}, seen)] == [Verdict.OVER] * 2


def test_a_rule_that_lacks_its_evidence_is_unjudged_once_with_the_count() -> None:
    planned = {"Query Text": SECOND, "Plan": {"Node Type": "Seq Scan", "Relation Name": "orders"}}
    seen = evidence(statement({"Plan": {"Node Type": "Seq Scan"}}), statement(planned, sql=SECOND))
    [finding] = [one for one in findings({"PB201": "on"}, seen) if one.code == "PB201"]
    assert finding.verdict is Verdict.UNJUDGED
    words = "sequential-scan: the statement was planned, not executed (ANALYZE) (and 1 more statements)"
    assert finding.message == words


def test_a_reason_that_the_server_gave_goes_before_the_general_one() -> None:
    seen = with_probes(evidence(statement(SEQ)), catalogue=Catalogue(18, {}), why={"seqscan_off": "lock timeout"})
    [finding] = findings({"PB208": "on"}, seen)
    assert finding.message == "unservable-condition: lock timeout"


def test_a_crashing_rule_that_was_named_is_unjudged_not_passed() -> None:
    def crash(subject: Subject, thresholds: Thresholds) -> Iterator[Hit]:
        raise KeyError("x")

    rule = Rule("PB201", "sequential-scan", frozenset({"plan"}), crash, "a page")
    [finding] = findings({"PB201": "on"}, evidence(statement(SEQ)), replace(BENCH, rules=(rule,)))
    assert finding.verdict is Verdict.UNJUDGED
    assert "crashed with KeyError" in finding.message


def test_a_waiver_covers_a_named_rule() -> None:
    waiver = {"rule": "PB201", "reason": "nightly", "owner": "@data", "until": "2027-01-31"}
    [finding] = findings({"PB201": "on"}, evidence(statement(SEQ)), waive=[waiver])
    assert finding.verdict is Verdict.WAIVED


def test_a_rule_of_a_narrowing_looks_at_its_statements_alone() -> None:
    seen = evidence(statement(SEQ), statement(SEQ | {"Query Text": SECOND}, sql=SECOND, function="lines"))
    narrowed = judge(budget(query={"lines": {"plan": {"rules": {"PB201": "on"}}}}), seen, None, BENCH).findings
    assert [finding.query for finding in narrowed if finding.code == "PB201"] == [seen.queries[1].key]


def test_what_is_named_or_off_does_not_explain() -> None:
    old, now = evidence(statement(scan())), evidence(statement(SEQ))
    for value in ("on", "off"):
        judged = judge(budget(plan={"rules": {"PB201": value}}), now, baseline(old), BENCH)
        verdicts = {finding.verdict for finding in judged.findings if finding.code == "PB201"}
        assert verdicts == ({Verdict.OVER} if value == "on" else set())
        [shape] = [finding for finding in judged.findings if finding.code == "plan.baseline"]
        assert any(line.startswith("+") for line in shape.detail)


def test_needs_are_those_of_the_rules_that_concern_a_query() -> None:
    both = evidence(statement(scan()), statement(scan() | {"Query Text": SECOND}, sql=SECOND, function="lines"))
    promised = budget(plan={"rules": {"PB201": "on"}}, query={"lines": {"plan": {"rules": {"PB208": "on"}}}})
    first, second = both.queries
    assert asked(promised, both.queries, BUILTIN) == {
        first.key: {"analyze"},
        second.key: {"analyze", "plan", "catalogue", "seqscan_off"},
    }
    assert asks_catalogue(promised, BUILTIN)
    quiet = budget(plan={"rules": {"PB208": "off", "PB201": "on"}})
    assert not asks_catalogue(quiet, BUILTIN)
    assert asked(quiet, both.queries, BUILTIN)[first.key] == {"analyze"}
    assert asked(budget(plan={"generic": True}), both.queries, BUILTIN)[first.key] == {"generic"}
    assert asked(budget(), both.queries, BUILTIN)[first.key] == frozenset()


def test_evidence_to_explain_is_wanted_of_statements_that_got_worse_by_another_plan() -> None:
    old, now = evidence(statement(scan())), evidence(statement(SEQ))
    promised = budget()
    needs = unexplained(promised, judge(promised, now, baseline(old), BENCH), BUILTIN)
    assert needs.keys() == {now.queries[0].key}
    assert {"catalogue", "seqscan_off"} <= needs[now.queries[0].key]
    assert "generic" not in needs[now.queries[0].key]
    heavier = evidence(statement(scan(blocks=400)))
    assert unexplained(promised, judge(promised, heavier, baseline(old), BENCH), BUILTIN) == {}
    assert unexplained(promised, judge(promised, old, baseline(old), BENCH), BUILTIN) == {}


def test_what_the_recorded_plan_had_as_well_explains_nothing() -> None:
    """NOT IN was in the statement all along; that it is now asked for each row of a nested loop is another thing."""
    text = "SELECT * FROM orders WHERE id NOT IN (SELECT id FROM few)"
    asked_before = scan("Seq Scan", 40, Filter="(NOT (hashed SubPlan 1))", **{"Rows Removed by Filter": 5_000})
    limit = {"Node Type": "Limit", "Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": 900, "Total Cost": 9.0}
    worse = {"Query Text": text, "Plan": limit | {"Plans": [asked_before["Plan"] | {"Shared Hit Blocks": 900}]}}
    old = evidence(statement(asked_before | {"Query Text": text}, sql=text))
    found = judge(budget(), evidence(statement(worse, sql=text)), baseline(old), BENCH).findings
    assert {one.code for one in found if one.verdict is Verdict.REGRESSED} == {"plan.baseline", "work.buffers"}
    fresh = evidence(statement(scan() | {"Query Text": text}, sql=text))
    found = judge(budget(), evidence(statement(worse, sql=text)), baseline(fresh), BENCH).findings
    assert "PB104" in {one.code for one in found}


def test_notes_are_what_every_rule_says() -> None:
    [query] = noted(evidence(statement(SEQ)).queries, BUILTIN, {})
    notes = {note.code: note for note in query.notes}
    assert notes["PB201"].judged
    assert (notes["PB208"].judged, notes["PB208"].message) == (False, "the database's catalogue was not read")
    assert notes.keys() <= {rule.code for rule in explaining(budget(), BUILTIN)}


def test_a_subject_holds_what_is_known_of_the_statement() -> None:
    seen = evidence(statement(SEQ, params=(b"1",)))
    [query] = with_probes(seen, catalogue=Catalogue(18, {"public.orders": Table("public", "orders")})).queries
    [record] = baseline(evidence(statement(scan()))).tests[seen.test].queries
    looked = subject(_plan(query), query, record)
    assert looked.baseline == record.plans[0].tree
    assert looked.catalogue is query.probes.catalogue
    assert (looked.seqscan_off, looked.generic) == (None, None)


def test_a_statement_without_parameters_has_its_own_plan_for_a_generic_one() -> None:
    [query] = evidence(statement(SEQ)).queries
    plan = _plan(query)
    looked = subject(plan, query, None)
    assert looked.generic is not None
    assert (looked.generic.plan, looked.generic.switches) == (plan, False)


def _plan(query: QueryEvidence):  # type: ignore[no-untyped-def]
    from pytest_perfbudget.plans.parse import parse

    return parse(query.executions[0].plans[0])


def _generic(seen: TestEvidence, document: dict[str, object], *, switches: bool = True) -> TestEvidence:
    from pytest_perfbudget.plans.fingerprint import fingerprint
    from pytest_perfbudget.plans.parse import parse
    from pytest_perfbudget.plans.render import tree

    plan = parse(document)
    shown = PlanEvidence(fingerprint(plan), 1, 0, tree(plan), "explain")
    found = GenericEvidence(shown, 9.5, 12.25, switches, switches)
    queries = tuple(replace(query, generic=found, probes=Probes(generic=document)) for query in seen.queries)
    return replace(seen, queries=queries)


def test_a_switch_of_plan_is_unjudged_until_its_plan_is_recorded() -> None:
    promised = budget(plan={"generic": True})
    seen = _generic(evidence(statement(scan())), SEQ)
    [finding] = [one for one in judge(promised, seen, None, BENCH).findings if one.code == "plan.generic"]
    assert finding.verdict is Verdict.UNJUDGED
    assert "estimated 9.50 against 12.25 on average, and planning" in finding.message
    assert any(line.startswith("+") and "Seq Scan" in line for line in finding.detail)
    assert judge(promised, seen, baseline(seen), BENCH).verdict is Verdict.SAME
    other = _generic(evidence(statement(scan())), scan("Bitmap Heap Scan"))
    assert judge(promised, other, baseline(seen), BENCH).verdict is Verdict.UNJUDGED


def test_no_switch_no_word() -> None:
    promised = budget(plan={"generic": True})
    stays = _generic(evidence(statement(scan())), SEQ, switches=False)
    same = _generic(evidence(statement(scan())), scan())
    for seen in (stays, same):
        assert {one.code for one in judge(promised, seen, None, BENCH).findings} == {"baseline"}
    switching = _generic(evidence(statement(scan())), SEQ)
    assert {one.code for one in judge(budget(), switching, None, BENCH).findings} == {"baseline"}


def test_clauses_hold_for_the_generic_plan() -> None:
    seen = _generic(evidence(statement(scan())), SEQ, switches=False)
    for clause in ({"forbid": ["Seq Scan on orders"]}, {"require": ["Index Access on orders"]}):
        judged = judge(budget(plan={"generic": True, **clause}), seen, None, BENCH).findings
        [finding] = [one for one in judged if one.code == "plan.generic"]
        assert finding.verdict is Verdict.OVER
        assert finding.message.startswith("generic plan: ")
    tiny = Bench(date(2026, 1, 1), {"orders": 2}, BUILTIN)
    promised = budget(plan={"generic": True, "forbid": ["Seq Scan on orders"]})
    [finding] = [one for one in judge(promised, seen, None, tiny).findings if one.code == "plan.generic"]
    assert finding.verdict is Verdict.UNJUDGED


def test_a_generic_plan_that_could_not_be_had_is_unjudged_with_the_reason() -> None:
    seen = with_probes(evidence(statement(scan())), why={"generic": "the server refused it: no type"})
    judged = judge(budget(plan={"generic": True}), seen, None, BENCH).findings
    [finding] = [one for one in judged if one.code == "plan.generic"]
    assert (finding.verdict, finding.message) == (
        Verdict.UNJUDGED, "no generic plan to judge: the server refused it: no type")  # fmt: skip


def test_the_share_of_planning_is_that_of_a_repetition_where_the_execution_was_not_timed() -> None:
    times = {"Plan": {}, "Planning Time": 140.0, "Execution Time": 10.0}
    [unknown] = findings({"PB506": "on"}, evidence(statement(SEQ)))
    assert (unknown.verdict, unknown.message) == (
        Verdict.UNJUDGED,
        "planning-share: planning and execution were not timed (SUMMARY)",
    )
    [finding] = findings({"PB506": "on"}, with_probes(evidence(statement(SEQ)), timed=times))
    assert finding.verdict is Verdict.OVER
    assert finding.message == "planning-share   planning took 140 ms, execution 10 ms"
    assert findings({"PB506": {"ms": 141}}, with_probes(evidence(statement(SEQ)), timed=times)) == []
    own = SEQ | {"Planning Time": 1.0, "Execution Time": 10.0}
    assert findings({"PB506": "on"}, with_probes(evidence(statement(own)), timed=times)) == []
