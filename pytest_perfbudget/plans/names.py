"""Identifiers as SQL writes them, in tree lines and in patterns."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z_\u0080-\uffff][a-z0-9_$\u0080-\uffff]*\Z")
_GENERATED = re.compile(r'"?\*([A-Za-z]+)\*(?:[ _]\d+)?"?')
_TEMPORARY = re.compile(r"\bpg_(toast_)?temp_\d+\b")
_SHARD = re.compile(r"(?<=\w)_\d{6,}(?![\w$])")
_HYPOTHETICAL = re.compile(r"\A<\d+>")


def quoted(name: str) -> str:
    """``orders`` → ``orders``; ``Order`` → ``"Order"``."""
    return name if _PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


def unquoted(text: str) -> str:
    """The name behind an identifier: ``"Order"`` → ``Order``; without quotes PostgreSQL folds it to lower case."""
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()


def generated(name: str | None) -> bool:
    """Whether PostgreSQL made the name up: ``*VALUES*``, ``*SELECT* 1``."""
    return bool(name) and bool(_GENERATED.fullmatch(name or ""))


def stable(text: str) -> str:
    """The text without the numbers PostgreSQL gives to what has no name of its own.

    ``"*VALUES*_1".column1`` → ``values.column1``, ``pg_temp_3.t`` → ``pg_temp.t``, HypoPG's ``<13543>btree_t_a`` →
    ``btree_t_a``.
    """
    if "*" in text:
        text = _GENERATED.sub(lambda match: match[1].lower(), text)
    if "pg_t" in text:
        text = _TEMPORARY.sub(r"pg_\1temp", text)
    return _HYPOTHETICAL.sub("", text) if text.startswith("<") else text


def spaced(text: str) -> str:
    """The text on one line, with single spaces."""
    return text if text.isprintable() and "  " not in text else " ".join(text.split())


def unsharded(text: str) -> str:
    """The text without the numbers Citus puts behind the names of shards and their indexes (six digits or more)."""
    return _SHARD.sub("", text)
