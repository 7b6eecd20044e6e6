"""Commands of redis-py seen passing, on a real Valkey."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import valkey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.connection import PythonRespSerializer

from pytest_perfbudget.cache import RedisRequest
from pytest_perfbudget.cache import embedded as servers
from pytest_perfbudget.capture.caches.overlaps import Recomputations
from pytest_perfbudget.capture.caches.watch import watching
from pytest_perfbudget.capture.caches.wire import commands, whole
from pytest_perfbudget.model.cache import CacheUse
from pytest_perfbudget.model.unwatched import unwatched


@pytest.fixture(scope="module")
def valkey_server() -> Iterator[Any]:
    offered = servers.Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    yield offered
    offered.close()


@pytest.fixture
def url(valkey_server: Any) -> str:
    return str(valkey_server.fresh().url)


def listening(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[int]:
    """The port of a cluster of one node."""
    program = servers._program()
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = 20_000 + free.getsockname()[1] % 30_000  # its bus is 10,000 above
    asked = {"port": port, "cluster-enabled": "yes", "save": "", "bind": "127.0.0.1", "dir": tmp_path}
    command = [program, *(word for name, value in asked.items() for word in (f"--{name}", str(value)))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as node:
        try:
            while not listening(port):
                time.sleep(0.02)
            with redis.Redis(port=port) as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                while client.cluster("info")["cluster_state"] != "ok":
                    time.sleep(0.02)
            yield port
        finally:
            node.kill()


@pytest.fixture(params=["RESP2", "RESP3"])
def client(url: str, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """Connected long before it is watched."""
    with redis.Redis.from_url(url, protocol=2 if request.param == "RESP2" else 3) as client:
        client.ping()
        yield client


def seen(body: Callable[[], Any]) -> CacheUse:
    with watching() as watched:
        body()
    (use,) = watched.use.caches
    return use


def line() -> int:
    return sys._getframe(1).f_lineno


READS: list[tuple[str, Callable[[redis.Redis], Any], tuple[int, int]]] = [
    ("get", lambda client: (client.get("string"), client.get("none")), (2, 1)),
    ("an empty string is a value", lambda client: client.get("empty"), (1, 1)),
    ("getex", lambda client: (client.getex("string", ex=5), client.getex("none")), (2, 1)),
    ("getdel", lambda client: (client.getdel("string"), client.getdel("string")), (2, 1)),
    ("mget", lambda client: client.mget(["string", "none", "empty"]), (3, 2)),
    ("hget", lambda client: (client.hget("hash", "a"), client.hget("hash", "c"), client.hget("none", "a")), (3, 1)),
    ("hmget", lambda client: client.hmget("hash", ["a", "b", "c"]), (3, 2)),
    ("hgetall", lambda client: (client.hgetall("hash"), client.hgetall("none")), (2, 1)),
    (
        "lists",
        lambda client: (client.lrange("list", 0, -1), client.lindex("list", 9), client.lrange("no", 0, -1)),
        (3, 1),
    ),
    ("sets", lambda client: (client.smembers("set"), client.smembers("none")), (2, 1)),
    ("sorted sets", lambda client: (client.zscore("sorted", "a"), client.zscore("sorted", "b")), (2, 1)),
    ("ranges", lambda client: (client.getrange("string", 0, 1), client.getrange("none", 0, 1)), (2, 1)),
    ("whether it is there is no read", lambda client: (client.exists("string"), client.ttl("string")), (0, 0)),
    ("a read of another type is none", lambda client: refused(lambda: client.get("hash")), (0, 0)),
]


def refused(call: Callable[[], Any]) -> None:
    with pytest.raises(redis.ResponseError):
        call()


@pytest.fixture
def filled(client: redis.Redis) -> redis.Redis:
    client.mset({"string": "s" * 40, "empty": ""})
    client.hset("hash", mapping={"a": "1", "b": "2"})
    client.rpush("list", "a", "b")
    client.sadd("set", "a")
    client.zadd("sorted", {"a": 1})
    return client


@pytest.mark.parametrize(("call", "reads"), [one[1:] for one in READS], ids=[one[0] for one in READS])
@pytest.mark.parametrize("how", ["alone", "pipeline", "transaction"])
def test_reads(filled: redis.Redis, how: str, call: Callable[[Any], Any], reads: tuple[int, int]) -> None:
    def body() -> None:
        if how == "alone":
            call(filled)
            return
        with filled.pipeline(transaction=how == "transaction") as pipe:
            call(pipe)
            pipe.execute(raise_on_error=False)

    if how != "alone" and call is READS[-1][1]:
        call = lambda pipe: pipe.get("hash")  # noqa: E731
    use = seen(body)
    assert (use.reads, use.hits) == reads
    if how != "alone":
        assert use.turns == 1
    assert sum(n for _, n in use.missed) == use.reads - use.hits


def test_a_call_has_its_line_and_a_round_trip(client: redis.Redis) -> None:
    use = seen(lambda: [client.get("none") for _ in range(3)])
    at = line() - 1
    ((site, n),) = use.turned
    assert site is not None
    assert (site.line, n, use.turns) == (at, 3, 3)


def test_a_transaction_that_was_not_executed_did_nothing(client: redis.Redis) -> None:
    def body() -> None:
        with client.pipeline() as pipe:
            pipe.watch("key")
            pipe.get("key")
            with unwatched():
                client.set("key", "another's")
            pipe.multi()
            pipe.set("key", "mine")
            with pytest.raises(redis.WatchError):
                pipe.execute()

    use = seen(body)
    assert (use.reads, use.hits, use.turns, use.size, use.lasting) == (1, 0, 3, 0, ())


def test_a_transaction_sent_word_by_word(url: str) -> None:
    with redis.Redis.from_url(url, single_connection_client=True) as client:

        def body() -> None:
            for words in (["MULTI"], ["SET", "key", "value"], ["GET", "key"], ["EXEC"], ["GET", "none"]):
                client.execute_command(*words)

        use = seen(body)
    assert (use.reads, use.hits, use.turns) == (2, 1, 5)
    assert [key for key, _ in use.lasting] == ["key"]


def test_commands_within_a_transaction_that_fail_did_nothing(filled: redis.Redis) -> None:
    def body() -> None:
        with filled.pipeline() as pipe:
            pipe.get("hash").set("new", "value").get("string")
            pipe.execute(raise_on_error=False)

    use = seen(body)
    assert (use.reads, use.hits) == (1, 1)
    assert [key for key, _ in use.lasting] == ["new"]


SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]) if ARGV[2] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 1"


def test_a_script_s_keys_are_asked_for_their_expiry(client: redis.Redis) -> None:
    def body() -> None:
        script = client.register_script(SCRIPT)
        script(keys=["lasts"], args=["value"])
        script(keys=["ends"], args=["value", 5000])

    use = seen(body)
    assert [key for key, _ in use.lasting] == ["lasts"]
    assert use.size == len("1" + "lasts" + "value") - 1 + len("ends" + "value" + "5000")
    assert use.why_lasting == ""


def test_a_script_that_the_server_does_not_have_yet_takes_no_more_turns(client: redis.Redis) -> None:
    def body() -> None:
        script = client.register_script("return 1")
        script()
        script()

    client.script_flush()
    cold, warm = seen(body), seen(body)
    assert cold.turns == warm.turns == 2


def test_a_lock_of_redis_py_leaves_nothing_that_lasts(client: redis.Redis) -> None:
    def body() -> None:
        with client.lock("lock", timeout=5):
            client.set("key", "value", ex=5)

    assert seen(body).lasting == ()


LASTING: list[tuple[str, Callable[[redis.Redis], Any], list[str]]] = [
    ("set", lambda client: client.set("key", "value"), ["key"]),
    ("set, ex", lambda client: client.set("key", "value", ex=5), []),
    ("set, then expire", lambda client: (client.set("key", "value"), client.expire("key", 5)), []),
    ("set, px and then without", lambda client: (client.set("key", 1, px=5000), client.set("key", 1)), ["key"]),
    ("keepttl", lambda client: (client.set("key", 1, px=5000), client.set("key", 2, keepttl=True)), []),
    ("setex", lambda client: client.execute_command("SETEX", "key", 5, "value"), []),
    ("nx that is refused", lambda client: (client.set("key", 1, ex=5), client.set("key", 2, nx=True)), []),
    ("mset", lambda client: client.mset({"a": 1, "b": 2}), ["a", "b"]),
    ("a counter", lambda client: client.incr("key"), ["key"]),
    ("a counter with an expiry", lambda client: (client.incr("key"), client.expire("key", 5)), []),
    ("a counter that had one", lambda client: (client.set("key", 1, ex=5), client.incr("key")), []),
    ("a hash", lambda client: client.hset("key", "field", "value"), ["key"]),
    ("persist", lambda client: (client.set("key", 1, ex=5), client.persist("key")), ["key"]),
    ("getex, persist", lambda client: (client.set("key", 1, ex=5), client.getex("key", persist=True)), ["key"]),
    ("deleted", lambda client: (client.set("key", 1), client.delete("key")), ["key"]),
    ("deleted, with an expiry", lambda client: (client.set("key", 1, ex=5), client.delete("key")), []),
    ("renamed", lambda client: (client.set("key", 1, ex=5), client.rename("key", "other")), []),
    (
        "stored",
        lambda client: (client.sadd("set", 1), client.expire("set", 5), client.sunionstore("to", "set")),
        ["to"],
    ),
]


@pytest.mark.parametrize(("call", "keys"), [one[1:] for one in LASTING], ids=[one[0] for one in LASTING])
def test_keys_without_an_expiry(client: redis.Redis, call: Callable[[Any], Any], keys: list[str]) -> None:
    assert sorted(key for key, _ in seen(lambda: call(client)).lasting) == keys


def test_a_key_that_had_an_expiry_before_keeps_it(client: redis.Redis) -> None:
    client.set("key", 1, ex=50)
    assert seen(lambda: client.incr("key")).lasting == ()


def test_where_the_server_is_gone_the_expiry_is_not_known() -> None:
    gone = servers.Embedded().start(RedisRequest(run=uuid.uuid4().hex, server="embedded"))
    with redis.Redis.from_url(gone.fresh().url) as client, watching() as watched:
        client.incr("key")
        with unwatched():
            gone.close()
    (use,) = watched.use.caches
    assert use.lasting == ()
    assert "the expiry of 1 keys could not be asked for" in use.why_lasting


KEYS = st.sampled_from(["a", "b"])
STEPS = st.one_of(
    st.tuples(st.just("set"), KEYS),
    st.tuples(st.just("set ex"), KEYS),
    st.tuples(st.just("set keepttl"), KEYS),
    st.tuples(st.just("set nx"), KEYS),
    st.tuples(st.just("incr"), KEYS),
    st.tuples(st.just("expire"), KEYS),
    st.tuples(st.just("persist"), KEYS),
    st.tuples(st.just("script"), KEYS),
    st.tuples(st.just("script ex"), KEYS),
)
DO: dict[str, Callable[[Any, str], Any]] = {
    "set": lambda client, key: client.set(key, 1),
    "set ex": lambda client, key: client.set(key, 1, ex=50),
    "set keepttl": lambda client, key: client.set(key, 1, keepttl=True),
    "set nx": lambda client, key: client.set(key, 1, nx=True),
    "incr": lambda client, key: client.incr(key),
    "expire": lambda client, key: client.expire(key, 50),
    "persist": lambda client, key: client.persist(key),
    "script": lambda client, key: client.eval(SCRIPT, 1, key, 1),
    "script ex": lambda client, key: client.eval(SCRIPT, 1, key, 1, 50_000),
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STEPS, st.booleans()), max_size=12))
def test_what_lasts_is_what_the_server_says(url: str, steps: list[tuple[tuple[str, str], bool]]) -> None:
    """Whether sent alone or in transactions, and whatever a key was before."""
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        client.set("b", 1, ex=50)

        def body() -> None:
            for (what, key), within in steps:
                if within:
                    with client.pipeline() as pipe:
                        DO[what](pipe, key)
                        pipe.execute()
                else:
                    DO[what](client, key)

        with watching() as watched:
            body()
        found = {key for use in watched.use.caches for key, _ in use.lasting}
        wrote = {key for (_, key), _ in steps}
        assert found == {key for key in wrote if client.ttl(key) == -1}


def test_a_crowd_recomputes(client: redis.Redis) -> None:
    together = threading.Barrier(8)

    def recompute() -> None:
        client.get("key")
        together.wait()
        client.set("key", 1, ex=5)

    def body() -> None:
        threads = [threading.Thread(target=recompute) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.get("key")

    crowd = seen(body).crowd
    assert (crowd.entry, crowd.n) == ("key", 8)
    assert crowd.site is not None
    assert crowd.site.function == "recompute"


def test_who_waits_for_another_s_entry_recomputes_nothing(client: redis.Redis) -> None:
    missed, written = threading.Event(), threading.Event()

    def wait() -> None:
        client.get("key")
        missed.set()
        written.wait()
        client.get("key")

    def body() -> None:
        client.get("key")
        waiting = threading.Thread(target=wait)
        waiting.start()
        missed.wait()
        client.set("key", 1, ex=5)
        written.set()
        waiting.join()

    use = seen(body)
    assert (use.crowd.n, use.reads, use.hits) == (1, 3, 1)


def test_one_after_the_other_is_no_crowd(client: redis.Redis) -> None:
    def body() -> None:
        for _ in range(3):
            client.get("key")
            client.set("key", 1, ex=5)
            client.delete("key")

    assert seen(body).crowd.n == 1


def test_fields_of_a_hash_are_entries_of_their_own(client: redis.Redis) -> None:
    def body() -> None:
        client.hget("hash", "a")
        client.hget("hash", "b")
        client.hset("hash", "a", 1)
        client.hset("hash", "b", 1)

    assert seen(body).crowd.n == 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), max_size=8, unique_by=lambda one: one[0]))
def test_a_crowd_is_the_most_at_once(intervals: list[tuple[int, int]]) -> None:
    """Moments are unique: twice the number for a begin, odd for an end."""
    recomputed = Recomputations()
    spans = [(2 * began, 2 * (began + length) + 1) for began, length in intervals]
    for began, ended in spans:
        recomputed.ran(b"key", began, ended, None)
    most = max((sum(b <= at < e for b, e in spans) for at, _ in spans), default=0)
    assert recomputed.crowd().n == most


def test_messages_are_no_replies_and_the_connection_is_watched_again_behind_them(client: redis.Redis) -> None:
    def body() -> None:
        with client.pubsub() as subscribed:
            subscribed.subscribe("channel")
            subscribed.get_message(timeout=1)
        client.publish("channel", "message")
        client.get("none")

    use = seen(body)
    assert (use.turns, use.reads, use.hits) == (2, 1, 0)


def test_what_a_new_connection_says_is_no_use_of_a_cache(url: str) -> None:
    def body() -> None:
        with redis.Redis.from_url(url, health_check_interval=1, client_name="somebody") as client:
            client.ping()
            client.get("none")

    assert seen(body).turns == 1


def test_a_connection_that_was_lost_goes_on(client: redis.Redis) -> None:
    def body() -> None:
        client.get("none")
        client.connection_pool.disconnect()
        client.get("none")

    use = seen(body)
    assert (use.reads, use.turns) == (2, 2)


def test_the_plugin_s_own_commands_are_apart(client: redis.Redis) -> None:
    def body() -> None:
        with unwatched():
            client.set("key", 1)
        client.get("key")

    use = seen(body)
    assert (use.turns, use.size, use.lasting) == (1, 0, ())


def test_valkey_py_is_watched_likewise(url: str) -> None:
    def body() -> None:
        with valkey.Valkey.from_url(url.replace("redis://", "valkey://")) as client:
            client.set("key", 1)
            client.get("key")

    use = seen(body)
    assert (use.name, use.reads, use.hits, use.turns) == ("valkey-py", 1, 1, 2)


def test_nothing_is_left_behind(client: redis.Redis) -> None:
    from redis.asyncio import connection as asynchronous
    from redis.connection import AbstractConnection

    kinds = (AbstractConnection, asynchronous.AbstractConnection, redis.asyncio.Redis, redis.asyncio.client.Pipeline)
    before = [dict(vars(kind)) for kind in kinds]
    with watching() as watched:
        assert vars(AbstractConnection)["read_response"] is not before[0]["read_response"]
    assert [dict(vars(kind)) for kind in kinds] == before
    assert watched.use.caches == ()


def awaited(url: str, body: Callable[[Any], Awaitable[Any]]) -> CacheUse:
    async def main() -> None:
        async with redis.asyncio.Redis.from_url(url) as client:
            await body(client)

    return seen(lambda: asyncio.run(main()))


def test_the_async_client(url: str) -> None:
    async def body(client: Any) -> None:
        await client.set("a", 1, ex=5)
        async with client.pipeline(transaction=True) as pipe:
            pipe.set("b", 1)
            pipe.mget(["a", "b", "c"])
            await pipe.execute()
        await client.eval(SCRIPT, 1, "c", 1)

    use = awaited(url, body)
    assert (use.reads, use.hits, use.turns) == (3, 2, 3)
    assert sorted(key for key, _ in use.lasting) == ["b", "c"]


def test_tasks_that_recompute_at_once_and_the_line_that_made_them(url: str) -> None:
    async def recompute(client: Any, missed: asyncio.Barrier) -> None:
        await client.get("key")
        await missed.wait()
        await client.set("key", 1, ex=5)

    async def body(client: Any) -> None:
        missed = asyncio.Barrier(5)
        await asyncio.gather(*(recompute(client, missed) for _ in range(5)))
        await asyncio.gather(client.get("key"), client.get("key"))

    use = awaited(url, body)
    assert use.crowd.n == 5
    functions = {site.function for site, _ in use.turned if site}
    assert functions == {"recompute", "body"}


def test_a_cluster(cluster: int) -> None:
    client = redis.RedisCluster(host="127.0.0.1", port=cluster)

    def body() -> None:
        client.set("a", 1, ex=5)
        with client.pipeline() as pipe:
            pipe.get("a").get("none").set("b", 1)
            pipe.execute()

    use = seen(body)
    client.close()
    assert (use.reads, use.hits, use.turns, [key for key, _ in use.lasting]) == (2, 1, 2, ["b"])
    assert {site.function for site, _ in use.turned if site} == {"body"}


def test_an_async_cluster(cluster: int) -> None:
    async def main() -> None:
        async with redis.asyncio.RedisCluster(host="127.0.0.1", port=cluster) as client:
            await client.set("a", 1)
            pipe = client.pipeline()
            pipe.get("a")
            pipe.get("none")
            await pipe.execute()

    use = seen(lambda: asyncio.run(main()))
    assert (use.reads, use.hits, use.turns) == (2, 1, 2)
    assert {site.function for site, _ in use.turned if site} == {"main"}


VALUES = st.binary(max_size=700) | st.text("\r\n*$1", max_size=12).map(str.encode)
WORDS = st.lists(VALUES, min_size=1, max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_packed_commands_are_read_as_they_were_written(words: list[list[bytes]]) -> None:
    packer = PythonRespSerializer(6000, lambda value: value)
    packed = [chunk for one in words for chunk in packer.pack(b"CMD", *one)]
    found = commands(whole(packed))
    assert [(c.name, c.sizes) for c in found] == [(b"CMD", tuple(map(len, one))) for one in words]
    assert [c.arguments for c in found] == [tuple(word[:512] for word in one) for one in words]
