"""Files of SQL, plain dumps of pg_dump included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.postgres.seed_sql import run_script
from pytest_perfbudget.postgres.seeders.step import SCALE, Entry, Project, Target, read_file, unpacked


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file of SQL statements, run as one; ``.gz`` is unpacked."""

    path: Path
    note: str = ""

    @property
    def name(self) -> str:
        return str(self.path)

    def contents(self) -> bytes:
        """Raises SeedError: the file cannot be read."""
        return read_file(self.path)

    @property
    def takes_scale(self) -> bool:
        """Whether its text reads the setting."""
        return SCALE.encode() in unpacked(self.path, self.contents())

    def run(self, target: Target) -> None:
        """Raises SeedError with the line of the statement, or of the row, that failed."""
        if target.scale:
            target.connection.execute("select set_config(%s, %s, false)", [SCALE, str(target.scale)])
        run_script(target.connection, self.path, unpacked(self.path, self.contents()), target.advance)


class Sql:
    """Any text no other seeder takes."""

    name = "sql"

    def step(self, entry: Entry, project: Project) -> SqlFile | None:
        return SqlFile(project.root / entry) if isinstance(entry, str) else None
