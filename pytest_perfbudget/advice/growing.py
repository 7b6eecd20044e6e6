"""What helps against work that grows with the tables: fewer statements, a key to begin at, an index tried for real."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_perfbudget.advice.explain import Trial
from pytest_perfbudget.model import QueryEvidence
from pytest_perfbudget.plans.render import GAP
from pytest_perfbudget.units import format_count

GAIN = 2
"""An index is proposed if with it the statement touches at most one block in so many."""

_SCAN = re.compile(r"(?:Seq Scan|Index (?:Only )?Scan(?: Backward)? using \S+) on (?P<table>\S+)")
_EQUAL = re.compile(r"(?:^|[ (])(\w+) = (?:\?|ANY)")
_RANGE = re.compile(r"(?:^|[ (])(\w+) (?:<|<=|>|>=) \?")
_LIKE = re.compile(r"(?:^|[ (])(\w+) ~~ \?")
_OFFSET = re.compile(r"\boffset\b", re.IGNORECASE)
_KEY = re.compile(r"\w+")

ONE_STATEMENT = "send one statement for all of them: a join, or = ANY with the keys collected"
SEEK = "begin after the last row that was shown, by an index on what is sorted by, in place of OFFSET"
LESS = "read less than all of it: a narrower condition, LIMIT, or sums that are kept up to date"


def growth_fix(query: QueryEvidence | None, tree: Sequence[str], trial: Trial, *, repeats: bool) -> str:
    """The way out for a statement whose plan at the largest size is ``tree``; ``repeats`` where it is sent more often
    the more rows there are, ``query`` None where no single statement is to blame."""
    if query is None or repeats:
        option = query.repetition.origin.option if query and query.repetition and query.repetition.origin else ""
        return f"load them with their parents: {option}" if option else ONE_STATEMENT
    for definition in dict.fromkeys(_indexes(tree)):
        if proof := _tried(definition, query, trial):
            return f"{definition};{proof}"
    return SEEK if _OFFSET.search(query.sql) else LESS


def _tried(definition: str, query: QueryEvidence, trial: Trial) -> str:
    """The proof that the index helps, in the test's own database; empty if it does not."""
    if not query.executions or query.writes or query.work is None:
        return ""
    tried, each = trial(definition, query.executions[-1]), query.work.buffers // len(query.executions)
    if tried is None or tried.buffers * GAIN > each:
        return ""
    return f"     tried: buffers {format_count(each)} → {format_count(tried.buffers)}"


def _indexes(tree: Sequence[str]) -> Iterator[str]:
    """Definitions that could serve the scans without a condition: equal columns first, then the sort of a LIMIT, then a
    range."""
    details = [line.strip().split(GAP) for line in tree]
    limited = any(heads[0] == "Limit" for heads in details)
    sort = next((_value(parts, "Sort Key") for parts in details if parts[0].startswith("Sort")), "") if limited else ""
    for parts in details:
        scan = _SCAN.search(parts[0])
        if not scan or _value(parts, "Index Cond"):
            continue
        condition = _value(parts, "Filter")
        equal, ranges = dict.fromkeys(_EQUAL.findall(condition)), dict.fromkeys(_RANGE.findall(condition))
        keys = [*equal, *(_plain(sort) if "." not in sort else [])]
        for columns in (keys, [*equal, *ranges], *([column] for column in ranges)):
            if columns:
                yield f"CREATE INDEX ON {scan['table']} ({', '.join(dict.fromkeys(columns))})"
        for column in _LIKE.findall(condition):
            yield f"CREATE INDEX ON {scan['table']} ({column} text_pattern_ops)"


def _value(parts: Sequence[str], key: str) -> str:
    return next((part.removeprefix(f"{key}: ") for part in parts if part.startswith(f"{key}: ")), "")


def _plain(sort: str) -> list[str]:
    """Its columns, if it is by columns alone, all ascending or all descending."""
    keys = [key.strip() for key in sort.split(",")] if sort else []
    bare = [key.removesuffix(" DESC") for key in keys]
    directions = {key.endswith(" DESC") for key in keys}
    return bare if len(directions) == 1 and all(_KEY.fullmatch(key) for key in bare) else []
