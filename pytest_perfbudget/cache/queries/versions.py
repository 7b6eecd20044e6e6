"""Version counters: text in Redis, a random base that changes with every commit, and what it still waits for.

``base`` alone is a clean counter: nobody is writing. ``base|token,token`` is a pending one, which no entry ever
matches. A token is the transaction id of a writer, ``<id`` for all transactions up to that one, or ``?`` where the
counter was missing: marks may have been lost with it, so that all transactions of the moment have to end first.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

SCHEMA = "s"
"""The counter of the catalogues, in every entry: a view, a function or a policy may have become another one."""

MISSING = "?"

SCRIPTS = {
    "mark": """
for place, key in ipairs(KEYS) do
    local now = redis.call('GET', key) or (ARGV[place + 1] .. '|?')
    local glue = string.find(now, '|', 1, true) and ',' or '|'
    redis.call('SET', key, now .. glue .. ARGV[1])
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
        redis.call('SET', key, ARGV[place + 1] .. (#left > 0 and '|' .. table.concat(left, ',') or ''))
    end
end
return 1
""",
    "touch": """
for place, key in ipairs(KEYS) do
    local now = redis.call('GET', key)
    if now then redis.call('SET', key, ARGV[place] .. (string.match(now, '|.*$') or '')) end
end
return 1
""",
    "exchange": """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""",
    "store": """
for place = 2, #KEYS do
    if redis.call('GET', KEYS[place]) ~= ARGV[place + 1] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""",
    "release": """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
""",
}
"""Lua, each atomic in its slot. ``mark`` takes a token and a base for each key; ``settle`` likewise, the bases being
those after a commit; ``touch`` gives each key a new base; ``exchange`` replaces a value that is still the expected
one."""


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
    """The key of a counter: of ``SCHEMA``, or of a relation's oid."""
    return f"v:{counter}"
