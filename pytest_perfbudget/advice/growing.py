"""What helps against work that grows with the tables: fewer statements, a key to begin at, an index tried for real."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Tried:
    """Where an index is tried: in a database whose largest table has ``size`` rows, where an execution of the statement
    touches ``blocks``."""

    trial: Trial
    size: int
    blocks: int

    def proof(self, definition: str, query: QueryEvidence) -> str:
        """That the index helps; empty if it does not."""
        if not query.executions or query.writes or not self.blocks:
            return ""
        work = self.trial(definition, query.executions[-1])
        if work is None or work.buffers * GAIN > self.blocks:
            return ""
        where = f"tried at {format_count(self.size)} rows"
        return f"     {where}: buffers {format_count(self.blocks)} → {format_count(work.buffers)}"


def fewer_statements(query: QueryEvidence | None) -> str:
    """The way out for a statement that is sent more often the more rows there are; None where several are."""
    option = query.repetition.origin.option if query and query.repetition and query.repetition.origin else ""
    return f"load them with their parents: {option}" if option else ONE_STATEMENT


def growth_fix(query: QueryEvidence, tree: Sequence[str], tried: Tried) -> str:
    """The way out for a statement whose plan at the largest size is ``tree``."""
    for definition in dict.fromkeys(_indexes(tree)):
        if proof := tried.proof(definition, query):
            return f"{definition};{proof}"
    return SEEK if _OFFSET.search(query.sql) else LESS


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
