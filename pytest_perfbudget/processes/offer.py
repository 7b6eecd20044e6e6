"""What every kind of server says before it starts: whether it can serve, and why not."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Advance = Callable[[float], None]
"""Called with the share that is done, 0 to 1."""

Progress = Callable[[str], AbstractContextManager[Advance]]
"""Called with what is being done, for anything that can take more than 2 s; ``advance`` may be called or not."""


def silent(_: str) -> AbstractContextManager[Advance]:
    """The progress nobody looks at."""
    return contextlib.nullcontext(lambda share: None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a kind of server cannot serve this request, and what would let it."""

    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.remedy})" if self.remedy else self.reason
