"""The ways to write a step of the seed, one file each."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres.seeders.archive import Archives
from pytest_perfbudget.postgres.seeders.command import Commands
from pytest_perfbudget.postgres.seeders.csv_file import Csv
from pytest_perfbudget.postgres.seeders.python_callable import Callables
from pytest_perfbudget.postgres.seeders.sql_file import Sql
from pytest_perfbudget.postgres.seeders.step import Entry, Project, Seeder, Step, Target

BUILTIN: tuple[Seeder, ...] = (Commands(), Csv(), Callables(), Archives(), Sql())
"""The seeders that come with the plugin, in the order they are asked; ``sql`` takes any text."""

__all__ = ["BUILTIN", "Entry", "Project", "Seeder", "Step", "Target", "read"]


def read(entry: Entry, project: Project, seeders: Sequence[Seeder]) -> Step:
    """The step an entry of ``seed`` stands for: that of the first seeder who takes it.

    Raises:
        SeedError: nobody does, or the entry cannot be used.
    """
    for seeder in seeders:
        if step := seeder.step(entry, project):
            return step
    shown = entry if isinstance(entry, str) else ", ".join(entry)
    raise SeedError(
        f"no seeder takes the step {shown!r} of the seed",
        remedy='write a path, "module:function", { run = "…", files = ["…"] } or { csv = "…", table = "…" }\n'
        f"seeders: {', '.join(seeder.name for seeder in seeders)}",
    )
