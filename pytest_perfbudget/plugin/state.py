"""What the plugin knows of one pytest process, kept in ``config.stash``. Everything heavy is made on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_perfbudget.errors import PerfbudgetError
from pytest_perfbudget.plugin import xdist

if TYPE_CHECKING:
    from pytest_perfbudget.model import RunResult
    from pytest_perfbudget.plugin.controller import Controller
    from pytest_perfbudget.plugin.marker import Marked
    from pytest_perfbudget.session.against.parcel import Order
    from pytest_perfbudget.session.against.reference import Reference
    from pytest_perfbudget.session.growth.scales import Scales
    from pytest_perfbudget.session.options import Options
    from pytest_perfbudget.session.parts import Parts
    from pytest_perfbudget.session.place import Place
    from pytest_perfbudget.session.promises import Promises
    from pytest_perfbudget.session.servers import Redis


T = TypeVar("T")


class State:
    """One per process: the only one, the xdist controller, or an xdist worker."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.worker = xdist.is_worker(config)
        self.controller: Controller | None = None
        self.result: RunResult | None = None
        self._places: dict[int | None, Place] = {}

    @property
    def arguments(self) -> dict[str, Any]:
        """The command line as known so far: before ``pytest_configure`` only in part."""
        return vars(self.config.option) | vars(self.config.known_args_namespace)

    @property
    def distributes(self) -> bool:
        """Whether this process hands its tests to xdist's workers."""
        return xdist.distributes(self.config, self.arguments)

    @cached_property
    def options(self) -> Options:
        from pytest_perfbudget.plugin.options import FLAGS
        from pytest_perfbudget.session import settings

        root, inherited = self.config.rootpath, () if self.worker else xdist.VARIABLES
        environ = {name: value for name, value in os.environ.items() if name not in inherited}
        found = usage(lambda: settings.read(self.arguments, environ, root / "pyproject.toml", root, FLAGS))
        return self.order.applied(found) if self.order else found

    @cached_property
    def order(self) -> Order | None:
        """What the run that compares wants of this one, the reference's."""
        descriptor = self.arguments.get("perf_hand_over")
        if not descriptor:
            return None
        from pytest_perfbudget.session.against.giving import receive

        return receive(int(descriptor))

    def reference(self, marks: Mapping[pytest.Item, Marked]) -> Reference | None:
        """The reference of ``--perf-against`` for these tests."""
        if not self.options.against:
            return None
        from pytest_perfbudget.plugin.against import asking, invocation
        from pytest_perfbudget.session.against.compare import asks
        from pytest_perfbudget.session.against.reference import Reference

        called = invocation(self.config, self.arguments, self.options.env)
        reference = Reference(self.place, self.options, called, lambda: asking(marks, self.promises, asks))
        self.config.add_cleanup(reference.close)
        return reference

    def scales(self, marks: Mapping[pytest.Item, Marked]) -> Scales:
        """Where ``growth`` of these tests is judged."""
        from pytest_perfbudget.plugin.against import asking, invocation
        from pytest_perfbudget.session.growth.scales import Scales, grows

        called = invocation(self.config, self.arguments, self.options.env)
        scales = Scales(self.place, self.options, called, lambda: asking(marks, self.promises, grows))
        self.config.add_cleanup(scales.close)
        return scales

    @cached_property
    def promises(self) -> Promises:
        from pytest_perfbudget.session.promises import Promises

        codes = {rule.code: rule.thresholds for rule in self.parts.rules}
        promises = usage(lambda: Promises.read(self.options, codes))
        self.config.add_cleanup(promises.close)
        return promises

    @cached_property
    def parts(self) -> Parts:
        from pytest_perfbudget.plugin import builtin
        from pytest_perfbudget.plugin.parts import collect

        self.config.pluginmanager.register(builtin, "pytest_perfbudget.builtin")
        return collect(self.config.hook)

    @cached_property
    def place(self) -> Place:
        return self._place(self.options)

    def _place(self, options: Options) -> Place:
        from pytest_perfbudget.plugin.signals import exit_on_sigterm
        from pytest_perfbudget.session.place import Place

        exit_on_sigterm(self.config)
        place = Place(options, self.parts, self.progress)
        self.config.add_cleanup(place.close)
        return place

    def place_of(self, major: int | None) -> Place:
        """The place of the pinned major (None), or one beside it on a server of its own."""
        if major in (None, self.options.postgres):
            return self.place
        if major not in self._places:
            beside = replace(self.options, postgres=major, run_id=f"{major}{self.options.run_id}")
            self._places[major] = self._place(beside)
        return self._places[major]

    @cached_property
    def redis(self) -> Redis:
        from pytest_perfbudget.session.servers import Redis

        redis = Redis(self.options, self.progress)
        self.config.add_cleanup(redis.close)
        return redis

    @property
    def progress(self) -> Any:
        from pytest_perfbudget.plugin.progress import Progress

        return Progress(self.config)

    def export_dsn(self) -> None:
        """Give the DSN to the variables of ``env`` before conftests load, and start the server behind it."""
        arguments = self.arguments
        if arguments.get("help") or arguments.get("version") or not self.options.env:
            return
        starts = not self.distributes and not arguments.get("collectonly")
        dsn = usage(lambda: self.place.dsn if starts else self.place.planned_dsn)
        for name in self.options.env:
            os.environ[name] = dsn
        if starts:
            usage(self.place.open)

    def header(self) -> list[str]:
        """What pytest's header says of us: which server was chosen, and why others were passed over."""
        lines = [usage(self.place.postgres.described)]
        if self.options.redis != "auto":
            lines.append(usage(self.redis.described))
        return [f"perfbudget: {line}" for line in lines]

    def configure(self) -> None:
        """The controller of an xdist run hears of marked tests only from the reports of its workers."""
        if self.distributes:
            self.control()

    def check_early(self) -> None:
        """Refuse what cannot be used before any test runs, and before xdist starts workers that would each say it."""
        if self.options.against:
            from pytest_perfbudget.session.against.worktree import Commit

            usage(lambda: Commit.of(self.options.root, self.options.against))
        if self.options.reports:
            from pytest_perfbudget.session import settings

            known = [reporter.kind for reporter in self.parts.reporters]
            usage(lambda: settings.check_reports(self.options.reports, known))
        if self.distributes and self.options.budgets.exists():
            self.promises  # noqa: B018

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Begin to look at the marked tests."""
        if self.config.option.collectonly:
            return
        from pytest_perfbudget.plugin.marker import marked

        found = {item: marked(item) for item in items}
        from pytest_perfbudget.plugin.lifecycle import Beside, Lifecycle, timed

        self.promises  # noqa: B018
        self.config.pluginmanager.register(Lifecycle(self, found), "pytest_perfbudget.lifecycle")
        if not self.worker:
            self.control()
        elif timed(found.values(), self.promises):
            self.config.pluginmanager.register(Beside(self), "pytest_perfbudget.beside")

    def hand_over(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Of the marked tests those that were asked for: run them for the run that compares."""
        from pytest_perfbudget.plugin.hand_over import HandOver
        from pytest_perfbudget.plugin.marker import marked

        assert self.order
        wanted, marks = self.order.tests, {item: marked(item) for item in items}
        found = {item: mark for item, mark in marks.items() if wanted is None or mark.test in wanted}
        descriptor = int(self.arguments["perf_hand_over"])
        self.config.pluginmanager.register(HandOver(self, found, self.order, descriptor), "pytest_perfbudget.lifecycle")
        return list(found)

    def control(self) -> Controller:
        if self.controller is None:
            from pytest_perfbudget.plugin.controller import Controller

            self.controller = Controller(self)
            self.config.pluginmanager.register(self.controller, "pytest_perfbudget.controller")
        return self.controller

    def finish(self, session: pytest.Session) -> None:
        if self.controller:
            self.result = self.controller.finish(session)

    def summarise(self, terminal: Any) -> None:
        if self.controller and self.result:
            self.controller.summarise(self.result, terminal)


def usage(make: Callable[[], T]) -> T:
    """Call it; what a user can mend becomes pytest's own usage error: exit code 4, no traceback."""
    try:
        return make()
    except PerfbudgetError as error:
        raise pytest.UsageError(str(error)) from None
