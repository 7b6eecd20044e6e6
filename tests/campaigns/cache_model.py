"""The query cache against its promise: a read that begins after a commit was acknowledged sees it.

    python tests/campaigns/cache_model.py --steps 200000

lets hypothesis interleave readers and writers step by step over a real PostgreSQL and a real Valkey: transactions,
savepoints, rollbacks, cascades, triggers, TRUNCATE, DDL, rows that move between keys, writers without a cache; writers
killed between any two steps; Redis flushed, evicting, restarted empty or with what it once saved, unreachable for some,
its answers lost or its commands late. The clock is the model's. ``--unsound marks`` (or another of ``PARTS``) takes a
part of the protocol away: then a stale read is to be found.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import random
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from psycopg import pq

from pytest_perfbudget.cache import RedisRequest, embedded
from pytest_perfbudget.cache.queries import commits, covering, declaring, entries, questions, reads
from pytest_perfbudget.cache.queries.calls import Call, call
from pytest_perfbudget.cache.queries.state import Settings, State
from pytest_perfbudget.cache.queries.steps import Ask, Sql, Turn, Unreachable, Wait
from pytest_perfbudget.cache.queries.store import Store
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.server import Request

SCHEMA = """
SET search_path = public;
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, more int DEFAULT 0);
CREATE TABLE lines (item int REFERENCES items ON DELETE CASCADE, n int);
CREATE TABLE audit (n int);
CREATE TABLE late (n int);
CREATE TABLE parts (id int, n int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE VIEW seen AS SELECT id, name FROM items;
CREATE SCHEMA inner_;
CREATE FUNCTION names() RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
    BEGIN
        SELECT string_agg(name, ',' ORDER BY id) INTO found FROM items; RAISE EXCEPTION 'x';
    EXCEPTION WHEN raise_exception THEN RETURN found; END;
END $$;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN EXECUTE format(''INSERT INTO %I SELECT count(*) FROM %I'', TG_ARGV[0], TG_ARGV[0]); RETURN OLD; END';
CREATE TRIGGER note AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION note('audit');
CREATE CONSTRAINT TRIGGER late AFTER DELETE ON items INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note('late');
CREATE TABLE owned (id int PRIMARY KEY, owner bigint, tag text, n int, item int REFERENCES items ON DELETE CASCADE);
CREATE INDEX ON owned (owner);
CREATE VIEW mine AS SELECT * FROM owned WHERE owner = 2;
CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.n % 7 = 0 THEN NEW.owner := NEW.owner % 3 + 1; END IF; RETURN NEW; END';
CREATE TRIGGER move BEFORE UPDATE ON owned FOR EACH ROW EXECUTE FUNCTION move();
"""
KEYS = ("owner", "id", "tag")
RESET = """
DROP TABLE IF EXISTS inner_.audit; TRUNCATE items, lines, audit, late, parts, owned;
INSERT INTO items SELECT n, 'item' || n FROM generate_series(1, 3) n;
INSERT INTO lines SELECT n, n FROM generate_series(1, 3) n; INSERT INTO parts VALUES (1, 1), (11, 1);
CREATE OR REPLACE VIEW seen AS SELECT id, name FROM items;
INSERT INTO owned SELECT n, n % 3 + 1, 'tag' || n % 2, n, n % 3 + 1 FROM generate_series(1, 6) n;
ALTER TABLE owned ENABLE ALWAYS TRIGGER perfbudget_cache_4;
"""
READS: tuple[str | tuple[str, tuple[Any, ...]], ...] = (
    "SELECT name FROM items WHERE id = 1",
    "SELECT * FROM items ORDER BY id",
    "SELECT i.name, l.n FROM lines l JOIN items i ON i.id = l.item ORDER BY l.n",
    "SELECT name FROM seen ORDER BY id",
    "SELECT names()",
    "SELECT count(*) FROM audit",
    "SELECT count(*) FROM late",
    "SELECT n FROM parts WHERE id = 1 ORDER BY n",
    "SELECT sum(n) FROM parts",
    ("SELECT id, n, tag FROM owned WHERE owner = %s ORDER BY id", (1,)),
    ("SELECT id, n, tag FROM owned WHERE owner = %s ORDER BY id", (2,)),
    ("SELECT id, n, tag FROM owned WHERE owner = %s ORDER BY id", (7,)),
    ("SELECT n, owner FROM owned WHERE id = %s", (2,)),
    ("SELECT id, n FROM owned WHERE owner IN (%s, %s) ORDER BY id", (1, 3)),
    ("SELECT id FROM owned WHERE owner = ANY(%s) ORDER BY id", ([2, 3],)),
    ("SELECT id, n FROM owned WHERE tag = %s ORDER BY id", ("tag1",)),
    ("SELECT o.id, i.name FROM owned o JOIN items i ON i.id = o.item WHERE o.owner = %s ORDER BY o.id", (1,)),
    "SELECT id, n FROM mine ORDER BY id",
    "SELECT count(*) FROM owned",
    "SELECT max(n) FROM owned WHERE owner = 3",
)
WRITES = (
    "UPDATE items SET name = 'name{n}' WHERE id = 1",
    "INSERT INTO items VALUES ({n}, 'name{n}')",
    "INSERT INTO lines SELECT min(id), {n} FROM items",
    "DELETE FROM items WHERE id = (SELECT max(id) FROM items)",
    "INSERT INTO parts_1 VALUES (1, {n})",
    "INSERT INTO parts VALUES (11, {n})",
    "DO 'BEGIN UPDATE lines SET n = n + 1; END'",
    "SAVEPOINT s",
    "ROLLBACK TO SAVEPOINT s",
    "RESET ALL",
)
OWNED = (
    "UPDATE owned SET owner = owner % 3 + 1 WHERE id = {n} % 4 + 1",
    "UPDATE owned SET n = {n} WHERE owner = {n} % 3 + 1",
    "INSERT INTO owned VALUES ({n}, CASE {n} % 4 WHEN 0 THEN 7 ELSE {n} % 3 + 1 END, 'tag' || {n} % 3, {n})",
    "INSERT INTO owned VALUES ({n} % 4 + 1, 2, 'tag0', {n}) "
    "ON CONFLICT (id) DO UPDATE SET owner = {n} % 3 + 1, n = {n}",
    "MERGE INTO owned USING (VALUES (2), ({n})) AS v (id) ON owned.id = v.id WHEN MATCHED THEN "
    "UPDATE SET owner = owned.owner % 3 + 1 WHEN NOT MATCHED THEN INSERT VALUES (v.id, 1, NULL, {n})",
    "DELETE FROM owned WHERE id = (SELECT min(id) FROM owned WHERE owner = {n} % 3 + 1)",
    "UPDATE mine SET n = {n}, owner = 3 WHERE id % 2 = {n} % 2",
    "DO 'BEGIN UPDATE owned SET owner = 4 - owner, tag = ''tag1'' WHERE owner IN (1, 3); END'",
    "INSERT INTO owned SELECT 1000 * {n} + g, g, 'many', {n} FROM generate_series(1, 70) g",
    "DELETE FROM owned WHERE id > 1000",
)
"""Of a table that writers without a cache write to as well; it is covered, and has keys."""
SHARED = (*WRITES, *OWNED)
EXCLUSIVE = (
    "TRUNCATE lines",
    "TRUNCATE items CASCADE",
    "CREATE OR REPLACE VIEW public.seen AS SELECT id, name || '{n}' AS name FROM items",
    "CREATE TABLE inner_.audit AS SELECT {n} AS n FROM generate_series(1, {n} % 5)",
    "DROP TABLE IF EXISTS inner_.audit",
    "ALTER TABLE items ALTER more TYPE int USING {n}",
    "TRUNCATE owned",
    "ALTER TABLE owned DISABLE TRIGGER perfbudget_cache_4",
    "ALTER TABLE owned ENABLE ALWAYS TRIGGER perfbudget_cache_4",
    "ALTER TABLE late RENAME TO later; CREATE TABLE late (n int); DROP TABLE later",
)
PARTS = ("marks", "debts", "barriers", "running", "keys", "wholes", "moves")
"""``keys`` and ``wholes``: no marks of keys, or of changes without; ``moves``: rows leave a key without a trace."""
LICENCE = 0.5
FOLDERS = tuple(part for part in os.environ.get("PERFBUDGET_LOCAL", "").split(os.pathsep) if part)


class StaleError(AssertionError):
    """A read did not see what was acknowledged before it began."""


class Ours:
    """The protocols under test."""

    lenient = False
    """Whether a stale read is counted, and a commit promises nothing before its protocol has ended."""

    def read(self, actor: Actor, number: int) -> Any:
        read = READS[number]
        asked = call(read, None) if isinstance(read, str) else call(*read)
        assert isinstance(asked, Call)
        return fetch(actor.state, asked, actor.world.now)

    def commit(self, actor: Actor) -> Any:
        return commits.commit(actor.state)

    def cleared(self) -> None:
        """Before an example."""

    def paced(self, steps: int) -> int:
        """How far an actor goes of that many steps, where a read takes 8 to 30 and a commit 6."""
        return steps


@dataclass
class Servers:
    """What all examples share."""

    dsn: str
    url: str
    store: Store
    client: Any
    truth: psycopg.Connection[Any]
    foreign: psycopg.Connection[Any]
    unsound: str = ""
    protocols: Any = field(default_factory=Ours)
    calm: bool = False
    """Redis answers and nobody is killed."""
    steps: int = 0
    tally: dict[str, int] = field(default_factory=dict)


SERVERS: list[Servers] = []


@contextlib.contextmanager
def servers(cache: str = "", unsound: str = "", major: int = 0) -> Iterator[Servers]:
    """A PostgreSQL and a Valkey of their own."""
    request = Request(run=uuid.uuid4().hex, **({"cache": cache} if cache else {}))
    if major:
        request = dataclasses.replace(request, server="local", major=major, local=FOLDERS)
    postgres = (Local() if major else Embedded()).start(request)
    valkey = embedded.Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    try:
        postgres.admin.execute("CREATE DATABASE model")
        dsn = postgres.dsn("model")
        url = valkey.fresh().url
        store = Store(url, timeout=5, pause=0)
        with (
            psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as truth,
            psycopg.connect(
                dsn, autocommit=True, options="-c search_path=inner_,public -c lock_timeout=20ms"
            ) as foreign,
        ):
            truth.execute(questions.CREATE_DEBTS)
            truth.execute(SCHEMA)
            through(declaring.declare(State(Settings(), time.monotonic, random.random), "owned", KEYS), truth, store)
            if unsound == "moves":
                truth.execute(declaring.CREATE_FUNCTION.replace("FROM old_rows UNION SELECT %1$I ", "").encode())
            truth.execute("SET search_path = inner_, public")
            truth.execute("SET lock_timeout = '10s'")
            SERVERS.append(Servers(dsn, url, store, store._client, truth, foreign, unsound))
            yield SERVERS[-1]
    finally:
        SERVERS.clear()
        valkey.close()
        postgres.close()


def through(steps: Any, connection: psycopg.Connection[Any], store: Store) -> None:
    """A protocol from its beginning to its end."""
    answer = None
    with contextlib.suppress(StopIteration):
        while True:
            step = steps.send(answer)
            if isinstance(step, Sql | Turn):
                statements = step.statements if isinstance(step, Turn) else (step,)
                found = [connection.execute(s.text.encode(), s.parameters, prepare=False).pgresult for s in statements]
                answer = found if isinstance(step, Turn) else found[0]
            elif isinstance(step, Ask):
                answer = store.answer(step)


class Actor:
    """A process with a connection, its own state, and a protocol that stands between two steps."""

    def __init__(self, world: CacheModel) -> None:
        self.world = world
        self.state = State(
            Settings(licence=LICENCE, flight=1.0, pure=frozenset({"names"})), lambda: world.now, lambda: 0.0
        )
        self.connection = self._connected()
        self.steps: Any = None
        self.pending: Any = None
        self.turn: list[Any] = []
        self.began = 0
        self.acked: set[int] = set()
        self.read = -1
        self.exclusive = self.owed = False
        self.commit = -1
        self.down = ""

    def _connected(self) -> psycopg.Connection[Any]:
        options = "-c search_path=inner_,public -c lock_timeout=20ms"
        return psycopg.connect(self.world.on.dsn, autocommit=True, options=options)

    @property
    def idle(self) -> bool:
        return self.steps is None and self.connection.info.transaction_status == pq.TransactionStatus.IDLE

    @property
    def text(self) -> str:
        """Of the statement it executes next, if it is one."""
        step = self.pending.statements[len(self.turn)] if isinstance(self.pending, Turn) else self.pending
        return step.text if isinstance(step, Sql) else ""

    def start(self, steps: Any) -> None:
        self.steps, self.pending, self.turn = steps, None, []
        self._next(lambda: next(steps))

    def advance(self) -> None:
        """One step of the protocol; of a turn one statement, so that others come between as they do in the server."""
        self.world.on.steps += 1
        step = self.pending
        try:
            answer = self._answer(step)
        except Unreachable as error:
            reason = error
            self._next(lambda: self.steps.throw(reason))
        except psycopg.Error:
            self.end()  # an application would see it
        else:
            if answer is not Actor:
                self._next(lambda: self.steps.send(answer))

    def _next(self, send: Any) -> None:
        try:
            self.pending = send()
            if isinstance(self.pending, Wait):
                self.pending = (self.world.now + self.pending.seconds,)
        except StopIteration as stop:
            self.steps = None
            self.finished(stop.value)

    def _answer(self, step: Any) -> Any:
        if isinstance(step, tuple):
            self.world.now += 0.05
            return None if self.world.now >= step[0] else Actor
        if isinstance(step, Ask):
            return self.world.asked(self, step)
        if callable(step):
            return self.world.called(self, step)
        if isinstance(step, Turn):
            self.turn.append(self._executed(step.statements[len(self.turn)]))
            if len(self.turn) < len(step.statements):
                return Actor
            answers, self.turn = self.turn, []
            return answers
        assert isinstance(step, Sql)
        return self._executed(step)

    def _executed(self, step: Sql) -> Any:
        if step.text == questions.OWE:
            self.owed = True
            if self.world.on.unsound == "debts":
                return None
        with psycopg.Cursor(self.connection) as cursor:
            cursor.execute(step.text.encode(), step.parameters, prepare=False if step.own else None)
            if step.text == "COMMIT" and self.read < 0:
                self.commit = self.world.visible()
                if (
                    not self.owed and not self.world.on.protocols.lenient
                ):  # readers see it from now on, whether the writer lives or not
                    self.world.acked.add(self.commit)
            return cursor.pgresult

    def finished(self, result: Any) -> None:
        if self.read >= 0:
            self.world.judge(self, result)
        elif self.commit >= 0:
            self.world.acked.add(self.commit)
        self.read, self.commit, self.exclusive, self.owed = -1, -1, False, False

    def end(self) -> None:
        """Rolled back."""
        if self.steps:
            self.steps.close()
        self.steps, self.read, self.commit, self.exclusive, self.owed = None, -1, -1, False, False
        if not self.connection.closed:
            self.connection.rollback()

    def kill(self) -> None:
        """The process is gone, and another one in its place."""
        if self.commit >= 0 and self.world.on.protocols.lenient:
            self.world.acked.add(self.commit)
        if self.steps:
            self.steps.close()
        self.connection.close()
        self.world.ended()
        self.__init__(self.world)  # type: ignore[misc]


PICK = st.integers(min_value=0, max_value=1_000_000)


class CacheModel(RuleBasedStateMachine):
    """Two writers and three readers."""

    def __init__(self) -> None:
        super().__init__()
        self.on = SERVERS[0]
        self.now, self.n = 1000.0, 10
        self.on.client.flushdb()
        self.on.protocols.cleared()
        self.on.truth.execute(RESET)
        self.on.truth.execute(f"TRUNCATE {questions.DEBTS}")
        self.saved: dict[bytes, bytes] = {}
        self.late: list[Ask] = []
        self.history: list[list[Any]] = []
        self.acked: set[int] = set()
        self.acked.add(self.visible())
        self.promised: list[tuple[float, int]] = []
        self.writers = [Actor(self) for _ in range(2)]
        self.readers = [Actor(self) for _ in range(3)]

    def visible(self) -> int:
        """The number of the state that has just become visible."""
        self.history.append(
            [self.on.truth.execute(*(read,) if isinstance(read, str) else read).fetchall() for read in READS]
        )
        return len(self.history) - 1

    def ended(self) -> None:
        """No backend of a killed process is left, so that its locks are free."""
        mine = [self.on.foreign.info.backend_pid]
        mine += [a.connection.info.backend_pid for a in (*self.writers, *self.readers) if not a.connection.closed]
        for _ in range(200):
            query = (
                "SELECT 1 FROM pg_stat_activity WHERE datname = 'model' AND pid <> ALL(%s) AND pid <> pg_backend_pid()"
            )
            if not self.on.truth.execute(query, (mine,)).fetchone():
                return
            time.sleep(0.002)

    def asked(self, actor: Actor, ask: Ask) -> Any:
        """What Redis answers this actor."""
        ask = self.unsound(ask)
        if not ask.keys:
            return 1
        if actor.down == "late" and ask.command != "MGET":
            self.late.append(ask)
        if actor.down in ("late", "down"):
            raise Unreachable("down")
        answer = self.on.store.answer(ask)
        if actor.down == "lost":
            raise Unreachable("lost")
        return answer

    def called(self, actor: Actor, what: Any) -> Any:
        """A command of another library, as this actor reaches Redis."""
        if actor.down in ("late", "down"):
            raise Unreachable("down")
        answer = what()
        if actor.down == "lost":
            raise Unreachable("lost")
        return answer

    def unsound(self, ask: Ask) -> Ask:
        """The command without the part that is taken away."""
        part, first = self.on.unsound, str(ask.arguments[0]) if ask.arguments else ""
        if part == "barriers" and ask.command == "look":
            return dataclasses.replace(ask, arguments=("", *ask.arguments[1:]))
        if part == "running" and ask.command == "exchange":
            news = [uuid.uuid4().hex if place % 2 else value for place, value in enumerate(ask.arguments)]
            return dataclasses.replace(ask, arguments=tuple(news))
        lost = {"marks": "", "keys": "=", "wholes": "*"}.get(part)
        if lost is None or ask.command not in ("mark", "settle") or (part == "marks" and ask.command == "settle"):
            return ask
        kept = [place for place, key in enumerate(ask.keys) if lost not in key]
        bases = tuple(ask.arguments[place + 1] for place in kept)
        return dataclasses.replace(ask, keys=tuple(ask.keys[place] for place in kept), arguments=(first, *bases))

    def judge(self, actor: Actor, result: Any) -> None:
        """Every change that was acknowledged before the read began is seen, and no state that never was."""
        number = actor.read
        kept, got = result if isinstance(result, tuple) else (bool(result.entry), rows(result))
        self.tally("hits" if kept else "executed")
        allowed = [states[number] for states in self.history[actor.began :]]
        for place in range(actor.began, 0, -1):
            if place in actor.acked and self.history[place][number] != self.history[place - 1][number]:
                break
            allowed.append(self.history[place - 1][number])
        if got not in allowed and self.on.protocols.lenient:
            self.tally("stale")
        elif got not in allowed:
            how = "from Redis" if kept else "from PostgreSQL"
            raise StaleError(
                f"{READS[number]} gave {got} {how}, allowed {allowed} of {[s[number] for s in self.history]}"
            )

    def tally(self, what: str) -> None:
        self.on.tally[what] = self.on.tally.get(what, 0) + 1

    @rule(who=PICK, what=PICK, steps=st.integers(0, 40))
    def read(self, who: int, what: int, steps: int) -> None:
        """A read begins, and goes on for some steps."""
        actor = self.readers[who % 3]
        if actor.steps is None:
            self.acked.update(place for due, place in self.promised if due <= self.now)
            actor.read, actor.began, actor.acked = what % len(READS), len(self.history) - 1, set(self.acked)
            actor.start(self.on.protocols.read(actor, actor.read))
        self.advance(actor, steps)

    @rule(who=PICK, what=PICK)
    def read_through(self, who: int, what: int) -> None:
        """Mostly to their ends, by two processes: what is kept is there to go stale."""
        self.read(who, what, 60)
        self.read(who + 1, what, 60)

    @rule(who=PICK, what=PICK)
    def write_through(self, who: int, what: int) -> None:
        self.write(who, what)
        self.commit(who, 25)

    @rule(who=PICK, what=PICK, change=PICK, how=st.sampled_from(("", "down", "lost", "late")), steps=st.integers(0, 30))
    def read_around(self, who: int, what: int, change: int, how: str, steps: int) -> None:
        """A read, a commit that may stop anywhere, the same read."""
        writer = self.writers[who % 2]
        self.read_through(who, what)
        writer.down = "" if self.on.calm else how
        self.write(who, change)
        self.commit(who, steps)
        writer.down = ""
        self.now += steps % 3
        self.read_through(who, what)

    @rule(who=PICK, steps=st.integers(1, 12))
    def go_on(self, who: int, steps: int) -> None:
        self.advance([*self.writers, *self.readers][who % 5], steps)

    def advance(self, actor: Actor, steps: int) -> None:
        for _ in range(self.on.protocols.paced(steps)):
            if actor.steps is not None:
                actor.advance()

    @rule(who=PICK, what=PICK)
    def write(self, who: int, what: int) -> None:
        """A statement of a transaction, which it may begin."""
        actor, other = self.writers[who % 2], self.writers[1 - who % 2]
        if actor.steps is not None or other.exclusive:
            return
        self.on.steps += 1
        choice = (*SHARED, *(EXCLUSIVE if other.idle else ()))[
            what % (len(SHARED) + (len(EXCLUSIVE) if other.idle else 0))
        ]
        self.n += 1
        actor.exclusive = actor.exclusive or choice in EXCLUSIVE
        try:
            if actor.connection.info.transaction_status == pq.TransactionStatus.IDLE:
                actor.connection.execute(covering.BEGIN.encode())
            actor.connection.execute(choice.format(n=self.n).encode())
        except psycopg.Error:
            actor.end()

    @rule(what=PICK)
    def write_without_a_cache(self, what: int) -> None:
        """It is seen within the licence."""
        if self.on.protocols.lenient or any(writer.exclusive for writer in self.writers):
            return
        self.on.steps += 1
        self.n += 1
        try:
            self.on.foreign.execute(OWNED[what % len(OWNED)].format(n=self.n).encode())
        except psycopg.Error:
            return
        self.promised.append((self.now + LICENCE, self.visible()))

    @rule(who=PICK, steps=st.integers(0, 8))
    def commit(self, who: int, steps: int) -> None:
        actor, other = self.writers[who % 2], self.writers[1 - who % 2]
        if actor.steps is None and not actor.idle and not other.exclusive:
            actor.start(self.on.protocols.commit(actor))
        self.advance(actor, steps)

    @rule(who=PICK)
    def roll_back(self, who: int) -> None:
        actor = self.writers[who % 2]
        if actor.steps is None and not actor.idle:
            self.on.steps += 1
            actor.end()

    @precondition(lambda self: self.n % 3 == 0)
    @rule(who=PICK)
    def kill(self, who: int) -> None:
        actor = [*self.writers, *self.writers, *self.readers][who % 7]
        if not actor.idle and not self.on.calm:
            self.on.steps += 1
            actor.kill()

    @rule(seconds=st.sampled_from((0.01, 0.1, 0.3, 0.6)))
    def tick(self, seconds: float) -> None:
        self.now += seconds

    @rule(who=PICK, how=st.sampled_from(("", "", "", "", "down", "lost", "late")))
    def reach(self, who: int, how: str) -> None:
        """Redis is as one actor meets it from now on."""
        [*self.writers, *self.readers][who % 5].down = "" if self.on.calm else how

    @rule()
    def arrive(self) -> None:
        """A late command is executed."""
        if self.late:
            with contextlib.suppress(Unreachable):
                self.on.store.answer(self.late.pop(0))

    @rule(which=PICK)
    def evict(self, which: int) -> None:
        if keys := sorted(self.on.client.keys("*")):
            self.on.client.delete(keys[which % len(keys)])

    @precondition(lambda self: self.n % 4 == 0)
    @rule(how=st.sampled_from(("flush", "save", "restart", "restart empty")))
    def disturb(self, how: str) -> None:
        """Redis flushed, or restarted with what it saved once."""
        if self.on.calm:
            return
        if how == "save":
            self.saved = {key: self.on.client.dump(key) for key in self.on.client.keys("*")}
            return
        self.on.client.flushdb()
        if how == "restart":
            for key, value in self.saved.items():
                if value is not None:
                    self.on.client.restore(key, 0, value)
        if how.startswith("restart"):
            self.on.store._run = uuid.uuid4().hex

    def teardown(self) -> None:
        for actor in (*self.writers, *self.readers):
            if actor.steps:
                actor.steps.close()
            actor.connection.close()
        self.ended()


def rows(answer: reads.Answer) -> list[tuple[Any, ...]]:
    if answer.entry:
        return entries.rows(answer.entry)
    assert answer.result
    return entries.rows_of_result(answer.result, None)


def fetch(state: State, asked: Call, began: float) -> Any:
    """What QueryCache.fetch does."""
    if state.renews(began):
        yield from reads.renew(state)
    place = state.licensed(began)
    if place and (entry := (yield from reads.look_up(state, place, asked))):
        return reads.Answer(entry)
    return (yield from reads.miss(state, asked, began))


def explore(examples: int, steps: int, seed: int | None = None) -> None:
    """That many schedules of that many rules each. Raises StaleError."""
    if seed is not None:
        hypothesis.seed(seed)(CacheModel)
    phases = (Phase.generate,) if seed is not None else (Phase.generate, Phase.shrink)
    CacheModel.TestCase.settings = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=phases,
        suppress_health_check=list(HealthCheck), derandomize=seed is None,
    )  # fmt: skip
    run_state_machine_as_test(CacheModel, settings=CacheModel.TestCase.settings)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000, help="steps of protocols and statements in all")
    parser.add_argument("--unsound", default="", choices=("", *PARTS))
    parser.add_argument(
        "--major", type=int, default=0, help="of the machine's programs, PERFBUDGET_LOCAL names folders"
    )
    options = parser.parse_args()
    with servers(unsound=options.unsound, major=options.major) as on:
        began, round_ = time.monotonic(), 0
        while on.steps < options.steps:
            round_ += 1
            explore(20, 60, seed=random.randrange(2**32))
            print(f"{on.steps:>8} steps, {on.tally}, {time.monotonic() - began:.0f} s, none stale", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
