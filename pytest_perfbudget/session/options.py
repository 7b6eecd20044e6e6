"""What a run was asked to do: every option, environment variable and key of ``[tool.perfbudget]``, already decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.postgres.profile import DETERMINISTIC, Profile
from pytest_perfbudget.postgres.server import Container

if TYPE_CHECKING:
    from pytest_perfbudget.postgres.seeders import Entry

CATEGORIES = ("new", "better", "equivalent", "worse", "alternative", "unused")
"""What an update can record. The first three are recorded by ``--perf-update`` alone."""

GROWTH_SIZES = (1_000, 4_000, 16_000, 64_000)


@dataclass(frozen=True, slots=True)
class Options:
    """Built in one place, the door; read everywhere below it.

    ``ci`` holds the evidence ("CI, because GITHUB_ACTIONS is set") or None; ``reports`` are (kind, path); ``local``
    are folders of PostgreSQL's programs; ``accept`` the categories recorded besides the default ones; ``env`` the
    variables that get the DSN; ``server_log`` asks for the statements of other processes; ``debugger`` is the option
    that asks pytest for one (``--pdb``). ``measure_cap`` are the seconds that all measuring of a run may take,
    ``measure_wait`` those that one waits for the tests of other workers to end. ``timings`` is the folder of recorded
    runs, ``timings_branch`` the default branch where neither CI nor git names it. ``growth_sizes`` are the rows of the
    largest table at which ``growth`` is judged, ``growth_cap`` the seconds that running the tests there may take; in
    such a run ``scale`` is what the seed is told, 0 in any other.
    """

    root: Path
    run_id: str
    worker: str = "main"
    budgets: Path = Path("budgets")
    seed: tuple[Entry, ...] = ()
    server: str = "auto"
    local: tuple[str, ...] = ()
    container: Container = field(default_factory=Container)
    postgres: int = 18
    redis: str = "auto"
    redis_image: str = "redis:7"
    profile: Profile = DETERMINISTIC
    env: tuple[str, ...] = ()
    update: bool = False
    accept: frozenset[str] = frozenset()
    dry_run: bool = False
    reason: str = ""
    strict: bool = False
    explain: bool = False
    server_log: bool = False
    reseed: bool = False
    baseline_ref: str = ""
    against: str = ""
    cache: str | None = None
    reports: tuple[tuple[str, Path], ...] = ()
    ci: str | None = None
    debugger: str = ""
    measure_cap: float = 300.0
    measure_wait: float = 30.0
    growth_sizes: tuple[int, ...] = GROWTH_SIZES
    growth_cap: float = 180.0
    scale: int = 0
    timings: Path = Path(".perfbudget/timings")
    timings_branch: str = ""
