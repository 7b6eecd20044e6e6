"""The identity of a SQL statement: the same value for the same query, whatever the literals and the layout.

``pgparse.fingerprint`` gives ``id = $1``, ``id IN (…)`` and ``id = ANY($1)`` one value, so identity is the hash of
the *normalised text*: libpg_query replaces the literals, we fold what remains (comments, white space, letter case,
the length of IN lists and of VALUES lists).
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from enum import StrEnum

_TOKEN = re.compile(
    r"""(?P<quoted>"(?:[^"]|"")*"|'(?:[^']|'')*'|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag))
      | (?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<placeholder>\$\d+)
      | (?P<space>\s+)""",
    re.DOTALL | re.VERBOSE,
)
_IN_LIST = re.compile(r"\bin \(\s*\?(?:\s*,\s*\?)*\s*\)")
_VALUES = re.compile(r"\bvalues (\([^()]*\))(?:\s*,\s*\1)+")
_NAME = re.compile(r"/\*\s*perf:\s*([\w.-]+)\s*\*/")
_VERB = re.compile(r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*\(*\s*([a-zA-Z]+)", re.DOTALL)
_MODIFYING = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "lockingClause", "intoClause")


class Kind(StrEnum):
    """What a statement does: ``utility`` is never planned (BEGIN, SET, DDL)."""

    READ = "read"
    WRITE = "write"
    UTILITY = "utility"


def normalise(sql: str) -> str:
    """The text of a statement with everything taken out that does not make it another query.

    SQL that libpg_query cannot parse is folded as it stands, literals included.
    """
    import pgparse

    with contextlib.suppress(pgparse.PGQueryError):
        sql = pgparse.normalize(sql)
    folded = _TOKEN.sub(_fold, _lower(sql)).strip().rstrip(";").rstrip()
    return _VALUES.sub(r"values \1, …", _IN_LIST.sub("in (?, …)", folded))


def identity(sql: str) -> str:
    """Twelve hexadecimal digits that name a statement in baselines and reports."""
    return hashlib.sha256(normalise(sql).encode()).hexdigest()[:12]


def perf_name(sql: str) -> str | None:
    """The name a ``/* perf: name */`` comment gives to its statement."""
    match = _NAME.search(sql)
    return match[1] if match else None


def one_line(sql: str, width: int = 0) -> str:
    """The statement as a reader sees it in a table: white space folded, cut to ``width`` characters if given."""
    text = " ".join(sql.split())
    return text if not width or len(text) <= width else text[: width - 1] + "…"


def kind(sql: str) -> Kind:
    """Whether executing the statement again could change anything (a data-modifying CTE and a locking read could)."""
    match = _VERB.match(sql)
    verb = match[1].lower() if match else ""
    if verb in ("insert", "update", "delete", "merge"):
        return Kind.WRITE
    if verb in ("select", "with", "values", "table"):
        return Kind.WRITE if _modifies(sql) else Kind.READ
    return Kind.UTILITY


def _modifies(sql: str) -> bool:
    import pgparse

    try:
        tree = str(pgparse.parse(sql))
    except pgparse.PGQueryError:
        return True
    return any(
        word in tree for word in ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "lockingClause", "intoClause")
    )


def _lower(sql: str) -> str:
    """Lower-case outside quotes, where PostgreSQL folds letter case too."""
    parts, last = [], 0
    for match in _TOKEN.finditer(sql):
        parts.append(sql[last : match.start()].lower())
        parts.append(match[0])
        last = match.end()
    return "".join([*parts, sql[last:].lower()])


def _fold(match: re.Match[str]) -> str:
    if match["quoted"]:
        return match[0]
    return "?" if match["placeholder"] else " "
