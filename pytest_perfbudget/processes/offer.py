"""What every kind of server says before it starts: whether it can serve, and why not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Progress = Callable[[str], AbstractContextManager[None]]
"""Called with what is being done, for anything that can take more than 2 s."""


def silent(_: str) -> AbstractContextManager[None]:
    """The progress nobody looks at."""
    return contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a kind of server cannot serve this request, and what would let it."""

    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.remedy})" if self.remedy else self.reason
