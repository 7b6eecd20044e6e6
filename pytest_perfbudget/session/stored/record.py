"""The figures of a run → a file beside those of earlier runs, if the run may leave one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from pytest_perfbudget.baselines.record import site_text
from pytest_perfbudget.model import Finding, TestResult
from pytest_perfbudget.session import git
from pytest_perfbudget.session.options import Options
from pytest_perfbudget.session.stored.history import History
from pytest_perfbudget.session.stored.runs import RecordedRun, Timed, conditions
from pytest_perfbudget.units import format_count
from pytest_perfbudget.verdict.judgement import fails
from pytest_perfbudget.verdict.stored import KEY


def record(options: Options, results: Collection[TestResult], started: str, *, partial: str | None) -> tuple[str, ...]:
    """Append the run, and say so or why not; nothing to say where no budget asks for it, or outside CI. ``partial`` is
    why not every test ran.

    Raises:
        BaselineError: the file could not be written.
    """
    timed = [one for one in results if one.evidence and any(query.stored for query in one.evidence.queries)]
    if options.ci is None or not (timed or any(found.code == KEY for one in results for found in one.findings)):
        return ()
    history = History(options)
    kept = {one.nodeid: figures for one in timed if _sound(one, options) and (figures := tuple(_figures(one)))}
    why = f"the run was not complete: {partial}" if partial else ""
    why = why or ("" if history.standing.default else history.standing.words)
    why = why or ("" if kept else "every test that was timed has failed" if timed else "no statement was timed")
    if why:
        return (f"times were not recorded: {why}",)
    evidence = timed[0].evidence
    assert evidence
    by = f"{options.ci}; {history.standing.words}"
    run = RecordedRun(
        at=started,
        id=options.run_id,
        commit=git.commit(options.root),
        conditions=conditions(evidence.environment),
        machine=_machine(timed),
        by=by,
        tests=kept,
    )
    history.runs.append(run)
    number = sum(len(figures) for figures in kept.values())
    words = f"{format_count(number)} statement{'s' if number > 1 else ''}"
    return (f"times of {words} were recorded in {history.runs.name}: {by}",)


def _machine(results: Iterable[TestResult]) -> str:
    queries = (query for result in results if result.evidence for query in result.evidence.queries)
    return next(query.stored.machine for query in queries if query.stored)


def _figures(result: TestResult) -> Iterator[Timed]:
    assert result.evidence
    for query in result.evidence.queries:
        if query.stored:
            yield Timed(query.id, query.stored.figure, query.stored.rounds, query.case, site_text(query))


def _sound(result: TestResult, options: Options) -> bool:
    """Whether the test passed, or failed by its times alone: those of the default branch are what they are, and the
    next run is held to them."""
    broken = [found for found in result.findings if _failed(found, options)]
    return result.outcome == "passed" or (bool(broken) and all(found.code == KEY for found in broken))


def _failed(found: Finding, options: Options) -> bool:
    return fails(found, ci=options.ci is not None, strict=options.strict)
