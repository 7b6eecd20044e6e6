"""A seed at another scale: handed to the steps that take one, else the rows of what it made are multiplied."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_perfbudget.postgres.multiply import Multiply
from pytest_perfbudget.postgres.seed import Seed
from pytest_perfbudget.postgres.seeders import Step, Target
from pytest_perfbudget.postgres.seeders.step import Scalable


@dataclass(frozen=True, slots=True)
class AtScale:
    """A step that is told how many rows the largest table shall have about."""

    step: Step
    scale: int

    @property
    def name(self) -> str:
        return f"{self.step.name} at scale {self.scale:,}"

    @property
    def note(self) -> str:
        return self.step.note

    def contents(self) -> bytes:
        return self.step.contents() + f"\0scale {self.scale}".encode()

    def run(self, target: Target) -> None:
        self.step.run(replace(target, scale=self.scale))


def takes_scale(seed: Seed) -> bool:
    """Whether a step of it can be told.

    Raises:
        SeedError: a step cannot be read.
    """
    return any(_takes_scale(step) for step in seed.steps)


def at_scale(seed: Seed, scale: int) -> Seed:
    """The seed at that scale: rows of its largest table if it takes one, else as many times the rows it makes. The
    steps before the first that is told are the same as without, and so are their templates."""
    if takes_scale(seed):
        steps = tuple(AtScale(step, scale) if _takes_scale(step) else step for step in seed.steps)
        return replace(seed, steps=steps)
    return replace(seed, steps=(*seed.steps, Multiply(scale))) if scale > 1 else seed


def _takes_scale(step: Step) -> bool:
    return isinstance(step, Scalable) and step.takes_scale
