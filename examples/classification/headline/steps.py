"""The steps of the optimisation, and the variants of a run: none of them, all of them, all but one."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done; ``settings`` and ``indexes`` on the server, the others in the application."""

    settings: bool = True
    indexes: bool = True
    pool: bool = True
    plans: bool = True
    pipelines: bool = True
    cache: bool = True


NAMES = {
    "settings": "tuned settings",
    "indexes": "indexes",
    "pool": "adaptive pool",
    "plans": "prepared statements",
    "pipelines": "pipelines",
    "cache": "query cache",
}

NONE = Steps(*(False for _ in fields(Steps)))
ALL = Steps()


def all_but_one() -> dict[str, Steps]:
    """The name of each step → all steps without it."""
    return {name: replace(ALL, **{name: False}) for name in NAMES}
