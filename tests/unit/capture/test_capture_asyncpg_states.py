"""Whatever two connections are put through, every statement is recorded once, with its own plans and its own error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_perfbudget.capture.asyncpg import Asyncpg
from pytest_perfbudget.capture.hub import Hub

STEPS = ("read", "call", "many", "simple", "prepared", "cursor", "fail", "cancel", "begin", "end")


@dataclass
class Expected:
    """A statement as it must be recorded: its text, executions, error and the plans nested in each execution."""

    sql: str
    calls: int = 1
    error: str | None = None
    nested: int = 0


@dataclass
class Side:
    """One of the connections, and the transactions open on it, the outermost first."""

    connection: asyncpg.Connection
    open: list[Any] = field(default_factory=list)
    aborted: bool = False

    async def take(self, step: str, number: int) -> Expected | None:
        if step == "begin":
            return await self._begin()
        if step == "end":
            return await self._end()
        expected: Expected = getattr(self, f"_{step}")(number)
        if self.aborted:
            expected.error, expected.calls = "25P02", 1
        elif expected.error and self.open:
            self.aborted = True
        raises = pytest.raises((asyncpg.PostgresError, asyncio.TimeoutError)) if expected.error else None
        if raises is None:
            await self._send(step, expected.sql)
        else:
            with raises:
                await self._send(step, expected.sql)
        return expected

    async def _begin(self) -> None:
        if not self.aborted:
            self.open.append(self.connection.transaction())
            await self.open[-1].start()

    async def _end(self) -> None:
        """The end of a savepoint mends what failed within it."""
        if self.open:
            await self.open.pop().rollback()
            self.aborted = False

    async def _send(self, step: str, sql: str) -> None:
        if step == "many":
            await self.connection.executemany(sql, [(1,), (2,)])
        elif step == "simple":
            await self.connection.execute(sql)
        elif step == "prepared":
            await (await self.connection.prepare(sql)).fetchval()
        elif step == "cancel":
            await self.connection.fetch(sql, timeout=0.1)
        elif step == "cursor" and self.open:
            assert [row async for row in self.connection.cursor(sql, prefetch=2)]
        else:
            await self.connection.fetch(sql)

    def _read(self, number: int) -> Expected:
        return Expected(f"SELECT id, {number} FROM orders LIMIT 3")

    _simple = _prepared = _cursor = _read

    def _call(self, number: int) -> Expected:
        return Expected(f"SELECT counted({number})", nested=1)

    def _many(self, number: int) -> Expected:
        return Expected(f"INSERT INTO log VALUES ($1 + {number})", calls=2)

    def _fail(self, number: int) -> Expected:
        return Expected(f"SELECT {number} / 0", error="22012")

    def _cancel(self, number: int) -> Expected:
        return Expected(f"SELECT pg_sleep(5), {number}", error="TimeoutError")


@dataclass
class Machine:
    """What lasts for all examples: connections take long to make."""

    hub: Hub
    loop: asyncio.AbstractEventLoop
    sides: list[Side]

    def run(self, steps: list[tuple[int, str]]) -> list[Expected]:
        async def taken() -> list[Expected]:
            found = [await self.sides[side].take(step, number) for number, (side, step) in enumerate(steps)]
            return [one for one in found if one]

        return self.loop.run_until_complete(taken())

    def calm(self) -> None:
        for side in self.sides:
            while side.open:
                self.loop.run_until_complete(side.take("end", 0))


@pytest.fixture(scope="module")
def machine(databases: dict[str, str]) -> Iterator[Machine]:
    hub, driver, loop = Hub(), Asyncpg(), asyncio.new_event_loop()
    hub.watch("watched")
    driver.install(hub)
    sides = [Side(loop.run_until_complete(asyncpg.connect(databases["watched"]))) for _ in range(2)]
    yield Machine(hub, loop, sides)
    driver.uninstall()
    for side in sides:
        loop.run_until_complete(side.connection.close())
    loop.close()


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(STEPS)), max_size=12))
def test_none_is_lost_and_none_is_doubled(machine: Machine, steps: list[tuple[int, str]]) -> None:
    machine.hub.start()
    try:
        expected = machine.run(steps)
        # Transactions may be open still: their last plans are asked for.
        statements = machine.hub.stop()
    finally:
        machine.calm()
    assert [(s.sql, s.error) for s in statements] == [(one.sql, one.error) for one in expected]
    for statement, one in zip(statements, expected, strict=True):
        own = [plan for plan in statement.plans if plan["Query Text"] == one.sql]
        assert (len(own), len(statement.plans)) == ((0, 0) if one.error else (one.calls, one.calls + one.nested))
