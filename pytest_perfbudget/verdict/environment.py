"""Whether two stamps can be compared, and what else changed between them."""

from __future__ import annotations

from pytest_perfbudget.model import Environment

DECIDING = ("major", "profile", "locale", "block_size", "statistics")


def incomparable(old: Environment, new: Environment) -> tuple[str, ...]:
    """Each difference that makes plans of the two incomparable, as ``name: old → new``; empty when there is none."""
    lines = [_line(name, getattr(old, name), getattr(new, name)) for name in DECIDING]
    for name in sorted(old.settings.keys() | new.settings.keys()):
        lines.append(_line(name, old.settings.get(name, "default"), new.settings.get(name, "default")))
    return tuple(line for line in lines if line)


def explanations(old: Environment, new: Environment) -> tuple[str, ...]:
    """What changed and may be the cause of a verdict, but never a reason not to judge."""
    lost = [f"index {name} is gone from the schema" for name in sorted(old.indexes.keys() - new.indexes.keys())]
    changed = [
        f"index {name} is now {new.indexes[name]}"
        for name in sorted(old.indexes.keys() & new.indexes.keys())
        if old.indexes[name] != new.indexes[name]
    ]
    others = [("the schema changed", old.schema, new.schema), ("the seed changed", old.seed, new.seed)]
    version = [f"PostgreSQL {old.version} → {new.version}"] if old.version != new.version else []
    return tuple(lost + changed + [words for words, was, now in others if was != now] + version)


def _line(name: str, old: object, new: object) -> str:
    return f"{name}: {old} → {new}" if old != new else ""
