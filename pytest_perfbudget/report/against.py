"""What the summary says of ``--perf-against``: what was compared, what was not, and why the reference did not serve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_perfbudget.measure.paired import signed
from pytest_perfbudget.model import Against, TestResult, Verdict
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.slower import KEY, NOT_COMPARED

_WORDS = ((Verdict.REGRESSED, "slower"), (Verdict.IMPROVED, "faster"), (Verdict.UNJUDGED, "undecided"))


def headline(tests: Sequence[TestResult]) -> list[str]:
    """A line about all comparisons; none for a run that neither made nor lacks one."""
    found = [one for test in tests for one in _of(test)]
    lacking = sum(any(finding.message == NOT_COMPARED for finding in test.findings) for test in tests)
    if lacking:
        return [f"perfbudget: {KEY} of {lacking} {_s(lacking, 'test')} {NOT_COMPARED}"]
    if not found:
        return []
    parts = [f"{len(found)} {_s(len(found), 'statement')}"]
    for verdict, word in _WORDS:
        number = sum(one.gated and one.verdict == verdict for one in found)
        parts += [f"{number} {word}"] if number else []
    reported = sum(not one.gated for one in found)
    parts += [f"{reported} reported only: nothing but the clock can have changed"] if reported else []
    saved = sum(one.first.saved + (one.again.saved if one.again else 0) for one in found)
    return [f"perfbudget: timed against {found[0].ref}: {' · '.join([*parts, f'{format_count(saved)} rounds saved'])}"]


def outputs(tests: Sequence[TestResult]) -> list[str]:
    """What runs of the reference printed last, each text once."""
    texts = (f.detail for test in tests for f in test.findings if f.code == KEY and f.verdict is Verdict.UNJUDGED)
    return [line for text in dict.fromkeys(texts) for line in text]


def times(tests: Sequence[TestResult]) -> Iterator[str]:
    """A line for each comparison."""
    for test in tests:
        for query in test.evidence.queries if test.evidence else ():
            if one := query.against:
                gated = "" if one.gated else "  (not gated)"
                change = signed(one.first.change)
                case = f" {query.case}" if query.case else ""
                yield f"{one.verdict:<10}{change:>8}  n={one.first.n:<4} {test.nodeid}  {query.id}{case}{gated}"


def _of(test: TestResult) -> list[Against]:
    return [query.against for query in test.evidence.queries if query.against] if test.evidence else []


def _s(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"
