"""The ``benchmark`` fixture of pytest-benchmark in a marked test: its samples judge ``latency.*``, one of its calls is
what the test sent, and its JSON gets our verdict. The same with pytest-codspeed, which keeps no samples.

Neither plugin is imported; what is theirs is told by what it has. What is wrapped is private to them (pytest-benchmark
5.3, pytest-codspeed 5.0): where it is missing, the statements of all calls count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.model.resources import Benchmarked

if TYPE_CHECKING:
    import pytest

    from pytest_perfbudget.capture.hub import Hub
    from pytest_perfbudget.model import Finding, TestResult

FIXTURE, CODSPEED = "benchmark", "codspeed_plugin"
EXTRA = "perfbudget"
"""Our part of ``extra_info`` in the JSON of a benchmark."""


@contextmanager
def one_call(item: pytest.Item, hub: Hub) -> Iterator[None]:
    """Of all calls of the benchmarked function one is captured, whatever number the machine has time for."""
    fixture, codspeed = _fixture(item), _codspeed(item)
    with ExitStack() as wrapped:
        if codspeed:
            wrapped.enter_context(_wrapped(codspeed.instrument, "measure", lambda real: _measure(real, hub)))
            wrapped.enter_context(_wrapped(codspeed.instrument, "measure_pedantic", lambda real: _pedantic(real, hub)))
        elif hasattr(fixture, "_make_runner"):
            wrapped.enter_context(_wrapped(fixture, "_make_runner", lambda real: _quietly(real, hub)))
        yield


@contextmanager
def _wrapped(owner: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    setattr(owner, name, wrap(getattr(owner, name)))
    try:
        yield
    finally:
        delattr(owner, name)


def _quietly(make: Callable[..., Any], hub: Hub) -> Callable[..., Any]:
    """pytest-benchmark: a round that is a loop is not captured at all, as its result is not kept and another call
    follows that gives it. Of rounds without a loop (``pedantic``) each takes the place of the one before."""
    sent: list[int] = []

    def make_runner(*function: Any) -> Callable[..., Any]:
        runner = make(*function)

        def run(loops: range | None, *rest: Any) -> Any:
            if loops:
                with hub.aside():
                    return runner(loops, *rest)
            if sent:
                hub.forget(sent[0])
            else:
                sent.append(hub.sent())
            return runner(loops, *rest)

        return run

    return make_runner


def _measure(real: Callable[..., Any], hub: Hub) -> Callable[..., Any]:
    """pytest-codspeed: its first call gives the result."""

    def measure(options: Any, name: str, uri: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with _the_first(function, hub) as first:
            return real(options, name, uri, first, *args, **kwargs)

    return measure


def _pedantic(real: Callable[..., Any], hub: Hub) -> Callable[..., Any]:
    def measure_pedantic(options: Any, pedantic: Any, name: str, uri: str) -> Any:
        with _the_first(pedantic.target, hub) as first:
            return real(options, replace(pedantic, target=first), name, uri)

    return measure_pedantic


@contextmanager
def _the_first(function: Callable[..., Any], hub: Hub) -> Iterator[Callable[..., Any]]:
    """The function; what is sent after its first call is nobody's."""
    with ExitStack() as after:
        called = False

        def first(*args: Any, **kwargs: Any) -> Any:
            nonlocal called
            if called:
                return function(*args, **kwargs)
            called = True
            try:
                return function(*args, **kwargs)
            finally:
                after.enter_context(hub.aside())

        yield first


def benchmarks(item: pytest.Item) -> bool:
    """Whether the test has the fixture, and its samples will be kept."""
    return _fixture(item) is not None and not _codspeed(item)


def benchmarked(item: pytest.Item) -> Benchmarked | None:
    """What the fixture measured; None where the test has none, or did not call it."""
    fixture = _fixture(item)
    if _codspeed(item):
        return Benchmarked(why="pytest-codspeed keeps no samples")
    if not getattr(fixture, "_mode", None):
        return None
    stats = getattr(fixture, "stats", None)
    if stats is None:
        return Benchmarked(why="pytest-benchmark measured nothing: it is disabled in this run")
    return Benchmarked(tuple(stats.stats.data), stats.iterations)


def tell(item: pytest.Item, result: TestResult) -> None:
    """Put the verdict into the benchmark's JSON."""
    extra = getattr(_fixture(item), "extra_info", None)
    if isinstance(extra, dict):
        totals = result.evidence.totals if result.evidence else {}
        findings = [_finding(found) for found in result.findings]
        verdict = {"budget": result.budget, "verdict": result.verdict.value}
        extra[EXTRA] = verdict | {"findings": findings, "totals": totals}


def _finding(found: Finding) -> dict[str, Any]:
    names = ("code", "message", "measured", "allowed", "baseline", "unit")
    return {"verdict": found.verdict.value, **{name: getattr(found, name) for name in names}}


def _fixture(item: pytest.Item) -> Any:
    return getattr(item, "funcargs", {}).get(FIXTURE)


def _codspeed(item: pytest.Item) -> Any:
    """pytest-codspeed's plugin, where it measures this test: by its fixture, or by a marker all of the body."""
    plugin = item.config.pluginmanager.get_plugin(CODSPEED)
    if not getattr(plugin, "is_codspeed_enabled", False):
        return None
    names = (FIXTURE, "codspeed_benchmark")
    by_fixture = any(name in getattr(item, "fixturenames", ()) for name in names)
    return plugin if by_fixture or any(item.get_closest_marker(name) for name in names) else None
