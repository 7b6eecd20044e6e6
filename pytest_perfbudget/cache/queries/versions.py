"""Version counters: text in Redis, a random base that changes with every commit, and what it still waits for.

``base`` alone is a clean counter: nobody is writing. ``base|token,token`` is a pending one, which no entry ever
matches. A token is the transaction id of a writer, ``<id`` for all transactions up to that one, or ``?`` where the
counter was missing: marks may have been lost with it, so that all transactions of the moment have to end first.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

SCHEMA = "s"
"""The counter of the catalogues, in every entry: a view, a function or a policy may have become another one."""

MISSING = "?"
_ID = r"[0-9]{1,19}"
WRITER, BOUND = re.compile(_ID), re.compile(f"<({_ID})")
"""Tokens of a writer and of all up to one; what is neither stands where anything may have been lost, as ``?`` does."""

SCRIPTS = {
    "look": """
local found = {}
for place, key in ipairs(KEYS) do
    local now = redis.call('GET', key)
    if not now then
        local table = string.match(key, '^(.*:v:%d+)[.*]')
        local marks = table and redis.call('GET', table)
        local clean = marks and not string.find(marks, '|', 1, true)
        now = ARGV[place + 2] .. (clean and '' or ARGV[1])
        redis.call('SET', key, now)
        if string.find(key, '=', 1, true) then redis.call('PEXPIRE', key, ARGV[2]) end
    end
    found[place] = now
end
return found
""",
    "mark": """
for place, key in ipairs(KEYS) do
    local now = redis.call('GET', key)
    if now then
        local glue = string.find(now, '|', 1, true) and ',' or '|'
        redis.call('SET', key, now .. glue .. ARGV[1], 'KEEPTTL')
    end
end
return 1
""",
    "settle": """
for place, key in ipairs(KEYS) do
    local now = redis.call('GET', key)
    if now then
        local left = {}
        for token in string.gmatch(string.match(now, '|(.*)$') or '', '[^,]+') do
            if token ~= ARGV[1] then left[#left + 1] = token end
        end
        now = ARGV[place + 1] .. (#left > 0 and '|' .. table.concat(left, ',') or '')
        redis.call('SET', key, now, 'KEEPTTL')
    end
end
return 1
""",
    "touch": """
for place, key in ipairs(KEYS) do
    local now = redis.call('GET', key)
    if now then redis.call('SET', key, ARGV[place] .. (string.match(now, '|.*$') or ''), 'KEEPTTL') end
end
return 1
""",
    "exchange": """
local done = 0
for place, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[2 * place - 1] then
        redis.call('SET', key, ARGV[2 * place], 'KEEPTTL')
        done = done + 1
    end
end
return done
""",
    "store": """
for place = 2, #KEYS do
    if redis.call('GET', KEYS[place]) ~= ARGV[place + 1] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for place = 2, #KEYS do
    local left = redis.call('PTTL', KEYS[place])
    if left >= 0 and left < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[place], ARGV[2]) end
end
return 1
""",
    "release": """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""",
}
"""Lua, each atomic in its slot. ``look`` reads counters and makes those that are missing, given what follows their
base, how long a key's counter lives, and a base for each; what follows is left out for a key of a table whose own
counter comes first and is clean: a writer marks both at once. ``mark`` takes a token, ``settle`` also a base for each,
the one after a commit; ``touch`` gives each a new base; ``exchange`` takes pairs, what is expected and what replaces
it, and says how many it replaced. A writer makes no counter: whoever finds one missing waits for all writers anyway."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One value: its base and what it waits for."""

    base: str
    pending: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: str) -> Counter:
        base, _, tokens = value.partition("|")
        return cls(base, tuple(filter(None, tokens.split(","))))

    def __str__(self) -> str:
        return "|".join([self.base, *([",".join(self.pending)] if self.pending else [])])


def fresh() -> str:
    """A base that has never been: 80 random bits."""
    return secrets.token_hex(10)


def key(counter: str) -> str:
    """The key in Redis of a counter: of ``SCHEMA``, of a relation's oid, of :func:`whole` or :func:`of_key`."""
    return f"v:{counter}"


def whole(table: str) -> str:
    """The counter of a table that changes with writers whose keys are not known; readers of one key depend on it."""
    return f"{table}*"


def of_key(table: str, column: int, value: str) -> str:
    """The counter of all rows of a table with this value, in PostgreSQL's text form, in the column of that number."""
    return f"{table}.{column}={hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()}"
