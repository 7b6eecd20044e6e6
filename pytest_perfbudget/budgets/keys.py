"""The vocabulary of budgets as data: what can be written, what it means, in which unit.

The reference page, the error texts and the reader are all made from this table.
"""

from __future__ import annotations

from pytest_perfbudget.budgets.key import Key, Kind

EACH, TEST, BUDGET, MIGRATION = "each statement", "the test", "the budget", "a migration"


def _work(metric: str, example: int, meaning: str) -> Key:
    return Key(f"work.{metric}", TEST, Kind.COUNT, metric, meaning, f"work.{metric} = {example}")


def _queries(metric: str, unit: str, example: int, meaning: str) -> Key:
    return Key(f"queries.{metric}", TEST, Kind.COUNT, unit, meaning, f"queries.{metric} = {example}")


def _latency(metric: str, example: str, meaning: str) -> Key:
    return Key(f"latency.{metric}", EACH, Kind.DURATION, "s", meaning, f'latency.{metric} = "{example}"')


def _used(name: str, kind: Kind, unit: str, example: str, meaning: str) -> Key:
    return Key(name, TEST, kind, unit, meaning, f"{name} = {example}")


def _share(metric: str, example: str, meaning: str) -> Key:
    return Key(f"latency.{metric}", EACH, Kind.PERCENTAGE, "", meaning, f'latency.{metric} = "{example}"')


def _later(part: str, of: str, kind: Kind, example: str, meaning: str, unit: str = "") -> Key:
    return Key(example.partition(" = ")[0], of, kind, unit, meaning, example, arrives_with=part)


_GROWS = "upper bound on how work grows with tables, that of the whole test too, see [Growth](growth.md)"
_RULES, _MIGRATIONS, _STATISTICS = "plan rules", "migrations", "production statistics"
_FORBID = 'plan.forbid = ["Seq Scan on orders"]'
_REQUIRE = 'plan.require = ["Index Access on orders"]'

_PLAN = (
    Key("plan.forbid", EACH, Kind.PATTERNS, "", "patterns that no plan may contain", _FORBID),
    Key("plan.require", EACH, Kind.PATTERNS, "", "patterns that plans of statements on their tables contain", _REQUIRE),
    Key(
        "plan.baseline",
        EACH,
        Kind.CHOICE,
        "",
        "`exact`: the recorded plan; `no-worse`: another plan may do no more work; `off`: only work is compared",
        'plan.baseline = "no-worse"',
        ("exact", "no-worse", "off"),
    ),
    Key(
        "plan.generic",
        EACH,
        Kind.SWITCH,
        "",
        "also judge the generic plan, which a prepared statement may get at its sixth execution",
        "plan.generic = true",
    ),
    Key(
        "plan.rules",
        EACH,
        Kind.TABLE,
        "",
        '[rules](rules.md) by their codes: `"on"` or a table of options, a promise; `"off"`, not even to explain',
        'plan.rules = { PB201 = "on", PB203 = { rows = 500 } }',
    ),
    _later(_RULES, EACH, Kind.PERCENTAGE, 'plan.stable = "95%"', "least probability of the chosen plan"),
)

_WORK = (
    _work("buffers", 40, "8 kB blocks touched, in shared and local memory"),
    _work("rows", 200, "rows produced by all scans"),
    _work("rows_removed", 100, "rows thrown away by filters, join filters and rechecks"),
    _work("temp", 0, "8 kB temporary blocks written"),
    _work("wal", 20, "WAL records"),
    _work("loops", 50, "executions of the inner side of nested loops, and of subplans"),
    _work("heap_fetches", 0, "heap fetches of index-only scans"),
    _work("spills", 0, "sorts and hashes that went to disk"),
    Key(
        "work.cost",
        TEST,
        Kind.NUMBER,
        "cost",
        "the planner's estimate; for what cannot be executed",
        "work.cost = 1200.5",
    ),
    Key(
        "work.regress",
        BUDGET,
        Kind.MARGIN,
        "",
        "the margin against the baseline: worse is more than this *and* more than 8 blocks (default 10%)",
        'work.regress = "25%"',
    ),
)

_QUERIES = (
    _queries("max", "statements", 3, "statements executed"),
    _queries("distinct", "statements", 3, "different statements, literals aside"),
    _queries("repeated", "statements", 1, "executions of one statement from one line: the N of N+1"),
    _queries("round_trips", "round trips", 4, "turns on the network"),
    _queries("rows", "rows", 100, "rows fetched by the application"),
)

_LATENCY = (
    _latency("p50", "2 ms", "the median, from execute to the last row"),
    _latency("p95", "5 ms", "the 95th percentile; at most 50 ms"),
    _latency("p99", "8 ms", "the 99th percentile; under 10 ms"),
    _latency("mean", "3 ms", "the arithmetic mean"),
    Key("latency.writes", BUDGET, Kind.SWITCH, "", "also time statements that write", "latency.writes = true"),
    _share("regress", "10%", "the slowdown against `--perf-against=REF` that must be caught, see [Time](time.md)"),
    Key(
        "latency.always",
        EACH,
        Kind.SWITCH,
        "",
        "hold a statement to `latency.regress` even where nothing but the clock can have changed",
        "latency.always = true",
    ),
    _share(
        "baseline", "25%", "the margin against the runs that CI recorded, see [Time](time.md#against-recorded-runs)"
    ),
)

_POOLS = (
    _used("pool.wait_p95", Kind.DURATION, "s", '"1 ms"', "the 95th percentile of the time waited for a connection"),
    _used("pool.connect_p95", Kind.DURATION, "s", '"20 ms"', "the 95th percentile of the time to make a connection"),
    _used("pool.max_busy", Kind.COUNT, "connections", "8", "connections in use at once, of all pools together"),
    _used("pool.leaked", Kind.COUNT, "connections", "0", "connections taken and not returned when the test ended"),
    _used(
        "pool.queued", Kind.COUNT, "requests", "0", "requests for which no connection was idle or could be made at once"
    ),
    _used(
        "cache.hit_rate", Kind.PERCENTAGE, "%", '"90%"', "the least share of reads that got a value, none of them stale"
    ),
    _used(
        "cache.stale", Kind.COUNT, "answers", "0", "answers of the query cache that PostgreSQL did not give any more"
    ),
    _used("cache.stampede", Kind.COUNT, "recomputations", "0", "recomputations of one entry beside another one of it"),
    _used("cache.round_trips", Kind.COUNT, "round trips", "2", "turns to Redis"),
    _used("cache.bytes", Kind.SIZE, "B", '"64 kB"', "bytes written to Redis"),
    _used(
        "cache.no_ttl", Kind.COUNT, "keys", "0", "keys written that had no expiry when the test ended, or were deleted"
    ),
    _used(
        "plan_cache.hit_rate",
        Kind.PERCENTAGE,
        "%",
        '"90%"',
        "the least share of the executions of prepared statements that reused a plan",
    ),
    _used(
        "replica.lag_p95",
        Kind.DURATION,
        "s",
        '"10 ms"',
        "the 95th percentile of the time from a write to its replay on the standby",
    ),
)

_STRUCTURE = (
    Key(
        "capture",
        BUDGET,
        Kind.CHOICE,
        "",
        "what is counted. `call`: the test's body (default); `test`: what its own fixtures send before it, too",
        'capture = "test"',
        ("call", "test"),
    ),
    Key(
        "route",
        EACH,
        Kind.CHOICE,
        "",
        "the server it is sent to: `primary`, or `replica`, a standby that follows it",
        'route = "replica"',
        ("primary", "replica"),
    ),
    Key(
        "query",
        BUDGET,
        Kind.TABLE,
        "",
        "`query.NAME`: further keys for the statements of call site `NAME()`, or with `/* perf: NAME */`",
        "query.lines.work.buffers = 25",
    ),
    Key(
        "waive",
        BUDGET,
        Kind.TABLES,
        "",
        "findings that do not fail until a date: `rule`, `reason`, `owner`, `until`",
        'waive = [{ rule = "work.buffers", reason = "runs nightly", owner = "@data", until = 2027-01-31 }]',
    ),
)

_RESOURCES = (
    Key("growth", EACH, Kind.TEXT, "", _GROWS, 'growth = "O(log n)"'),
    _used(
        "throughput.min",
        Kind.NUMBER,
        "calls/s",
        "200",
        "the least number of calls per second, a call being all statements of the test",
    ),
    Key("clients", TEST, Kind.NATURAL, "", "connections that call at once for `throughput.min` (1)", "clients = 4"),
    _used(
        "cpu.per_call",
        Kind.DURATION,
        "s",
        '"2 ms"',
        "CPU time of the backend for all statements of the test (local servers, on Linux)",
    ),
    _used(
        "memory.peak",
        Kind.SIZE,
        "B",
        '"64 MB"',
        "memory of the test's backends together: PSS without shared memory (local servers, on Linux)",
    ),
    _later(_MIGRATIONS, MIGRATION, Kind.TEXT, 'migration.lock = "ShareLock"', "the longest blocking lock"),
    _later(_MIGRATIONS, MIGRATION, Kind.COUNT, "migration.rewrite = 0", "tables rewritten", "tables"),
    _later(_MIGRATIONS, MIGRATION, Kind.DURATION, 'migration.time = "2 min"', "duration at production size", "s"),
    _later(_STATISTICS, BUDGET, Kind.TEXT, 'statistics = "orders.stats.json"', "file of production statistics"),
    _later(_STATISTICS, BUDGET, Kind.TABLE, "scale = { orders = 50_000_000 }", "in `[suite]`: rows to plan for"),
)

KEYS: tuple[Key, ...] = (*_PLAN, *_WORK, *_QUERIES, *_LATENCY, *_POOLS, *_STRUCTURE, *_RESOURCES)
"""Every key, in the order of the reference page."""

BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(name.partition(".")[0] for name in BY_NAME if "." in name))
"""The first words of dotted keys."""

RESERVED: frozenset[str] = frozenset({"suite", *(name.partition(".")[0] for name in BY_NAME)})
"""Words that cannot name a budget, because a table of that name would read as a key."""


def judged_in(group: str) -> tuple[str, ...]:
    """The keys of a group that are judged by now, without the group's word."""
    return tuple(
        name.partition(".")[2] for name, key in BY_NAME.items() if name.startswith(f"{group}.") and not key.arrives_with
    )
