"""What a test uses besides statements, watched while its body runs, where its budget speaks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from pytest_perfbudget.budgets.budget import Budget
from pytest_perfbudget.capture.caches.watch import Watched
from pytest_perfbudget.capture.caches.watch import watching as watching_caches
from pytest_perfbudget.capture.hub import Hub
from pytest_perfbudget.capture.plan_cache import PlanCache
from pytest_perfbudget.model import Finding, Verdict
from pytest_perfbudget.model.resources import ALONE, Benchmarked, PlanCacheUse, PoolUse, ReplicaUse, Shared, Used
from pytest_perfbudget.pool.ledger import Account, Ledger
from pytest_perfbudget.pool.watch import watching as watching_pools
from pytest_perfbudget.postgres.neighbours import Neighbours
from pytest_perfbudget.session.peak import Peak
from pytest_perfbudget.session.standby import Standby
from pytest_perfbudget.verdict.benchmark import LATENCIES, check_benchmark
from pytest_perfbudget.verdict.caches import check_caches
from pytest_perfbudget.verdict.load import check_memory
from pytest_perfbudget.verdict.resources import TIMED, check_plan_cache, check_pools, check_replica


class Resources:
    """Of the watched test. A budget without ``pool.*``, ``cache.*``, ``plan_cache.*``, ``replica.*`` and ``memory.*``
    costs its test nothing."""

    def __init__(
        self,
        hub: Hub,
        root: str,
        standby: Callable[[], Standby],
        memory: Callable[[], Callable[[], int]],
        neighbours: Callable[[], Neighbours],
    ) -> None:
        self._hub, self._root, self._standby, self._memory, self._neighbours = hub, root, standby, memory, neighbours
        self._since: Callable[[], Shared] = lambda: ALONE
        self.shared = ALONE
        self._peak: Peak | None = None
        self._pools: PoolUse | None = None
        self._plan_cache: PlanCacheUse | None = None
        self._replica: ReplicaUse | None = None
        self._caches: Watched | None = None

    @contextmanager
    def watching(self, budget: Budget, *, benchmarks: bool) -> Iterator[None]:
        """Note what is used meanwhile, by a body that ``benchmarks`` a function or does not."""
        self._pools = self._plan_cache = self._replica = self._peak = self._caches = None
        self.shared = ALONE
        timed = {*TIMED, *(LATENCIES if benchmarks else ())}
        self._since = self._neighbours().watch() if budget.limits.keys() & timed else lambda: ALONE
        with ExitStack() as stack:
            if _speaks_of(budget, "plan_cache."):
                stack.enter_context(self._watch_plan_cache())
            if _speaks_of(budget, "pool."):
                stack.enter_context(self._watch_pools())
            if _speaks_of(budget, "cache."):
                checks = bool({"cache.stale", "cache.hit_rate"} & budget.limits.keys())
                watched = watching_caches(self._root, checks=checks, quiet=self._hub.mute)
                self._caches = stack.enter_context(watched)
            if _speaks_of(budget, "replica."):
                stack.enter_context(self._watch_replica())
            if _speaks_of(budget, "memory."):
                self._peak = Peak()
                stack.enter_context(self._peak.watching(self._memory))
            yield

    def look(self, budget: Budget, benchmarked: Benchmarked | None) -> None:
        """Have in ``shared`` the processors' time from the beginning of the body until now, if a figure of it is too
        slow. To be asked for at the end of the body; it may take a pause (:meth:`Neighbours.watch`)."""
        found = [*(check_pools(budget, self._pools) if self._pools else ())]
        found = [one for one in found if one.code in TIMED]
        found += check_benchmark(budget, benchmarked, None)[1] if benchmarked else ()
        if any(one.verdict is Verdict.OVER for one in found):
            with suppress(OSError):  # the server has gone: others will say so
                self.shared = self._since()

    def findings(self, budget: Budget) -> tuple[tuple[Used, ...], tuple[Finding, ...]]:
        """The figures that are shown whatever they are, and what the budget has to say of all."""
        used, peak = check_memory(budget, self._peak.use) if self._peak else (None, None)
        figures, cached = check_caches(budget, self._caches.use) if self._caches else ([], [])
        found = check_pools(budget, self._pools, self.shared) if self._pools else []
        if self._plan_cache:
            found += check_plan_cache(budget, self._plan_cache)
        if self._replica:
            found += check_replica(budget, self._replica)
        return (*figures, *filter(None, [used])), (*found, *cached, *filter(None, [peak]))

    @contextmanager
    def _watch_pools(self) -> Iterator[None]:
        ledger = Ledger()
        with watching_pools(ledger, self._root) as kinds:
            try:
                yield
            finally:
                self._pools = _use(ledger.cut(), kinds)

    def prepare(self, budget: Budget) -> None:
        """Have what will be watched there before the fixtures of the test connect.

        Raises:
            ServerError: the standby cannot be made.
        """
        if _speaks_of(budget, "replica."):
            self._standby().start()

    @contextmanager
    def _watch_replica(self) -> Iterator[None]:
        with self._standby().measuring() as lags:
            try:
                yield
            finally:
                self._replica = ReplicaUse(lags.finish())

    @contextmanager
    def _watch_plan_cache(self) -> Iterator[None]:
        counted = PlanCache(self._hub)
        with counted.watching():
            try:
                yield
            finally:
                self._plan_cache = counted.finish()


def _speaks_of(budget: Budget, prefix: str) -> bool:
    return any(key.startswith(prefix) for key in budget.limits)


def _use(account: Account, kinds: tuple[str, ...]) -> PoolUse:
    return PoolUse(
        kinds=kinds,
        requests=account.requests,
        queued=account.queued,
        max_busy=account.max_busy,
        waits=account.waits,
        connects=account.connects,
        leaked=tuple(taken.site for taken in account.out),
        slowest=account.slowest,
        busiest=account.busiest,
    )
