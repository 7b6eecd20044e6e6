"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def nearest(word: str, words: Collection[str]) -> str | None:
    """The known word closest to ``word``, letter case aside; or the one that ends, after a dot, as ``word`` does."""
    folded = {known.lower(): known for known in words}
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.7)
    if close:
        return folded[close[0]]
    tails = {known.rpartition(".")[2].lower(): known for known in reversed(list(words)) if "." in known}
    close = get_close_matches(word.lower().rpartition(".")[2], tails, n=1, cutoff=0.8)
    return tails[close[0]] if close else None


def did_you_mean(word: str, words: Collection[str]) -> list[str]:
    """One line that offers the nearest name, or none."""
    name = nearest(word, words)
    return [f"did you mean {name}?"] if name else []
