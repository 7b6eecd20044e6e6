"""What fills the test database: steps in order, each known by its contents, so that a change is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_perfbudget.postgres import seeders
from pytest_perfbudget.postgres.seeders import Entry, Project, Seeder, Step


@dataclass(frozen=True, slots=True)
class Seed:
    """Steps in order; no step at all is an empty database. ``after`` is the hash of the template that they go on from,
    empty where they begin with an empty database."""

    steps: tuple[Step, ...] = ()
    after: str = ""

    @classmethod
    def of(
        cls,
        entries: Sequence[Entry],
        root: Path,
        kinds: Sequence[Seeder] = seeders.BUILTIN,
        variables: Sequence[str] = (),
    ) -> Seed:
        """From settings; ``variables`` are those that give the application its database.

        Raises:
            SeedError: an entry is of no kind, or cannot be used.
        """
        return cls(tuple(seeders.read(entry, Project(root, variables), kinds) for entry in entries))

    @property
    def summary(self) -> str:
        """The steps in a few words, for a list of templates."""
        return ", ".join(Path(step.name).name if "/" in step.name else step.name for step in self.steps) or "(empty)"

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the steps cannot be seen to change."""
        return tuple(step.note for step in self.steps if step.note)

    def hashes(self, base: str) -> tuple[str, ...]:
        """One hash for the empty database and one after each step; each depends on all that came before.

        ``base`` stands for everything else that makes the database: major, profile, locale, format.
        """
        chain = [self.after or hashlib.sha256(base.encode()).hexdigest()]
        for step in self.steps:
            link = hashlib.sha256(chain[-1].encode() + b"\0")
            link.update(step.contents())
            chain.append(link.hexdigest())
        return tuple(chain)

    def hash(self, base: str) -> str:
        """The last of :meth:`hashes`."""
        return self.hashes(base)[-1]
