"""PGTune's rules, one test each, with figures worked out by hand; and what a test server takes over of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.postgres import Server, profiles
from pytest_perfbudget.postgres.profile import DETERMINISTIC, Level, command_line
from pytest_perfbudget.postgres.profiles import pgtune
from pytest_perfbudget.postgres.profiles.machine import GB, MB, Disk, Machine, read, size
from pytest_perfbudget.postgres.profiles.pgtune import Use, shown, tune
from pytest_perfbudget.postgres.profiles.proposal import propose
from pytest_perfbudget.postgres.profiles.values import canonical

M, G = 1 << 10, 1 << 20  # in kB
MACHINES = st.builds(
    Machine,
    memory=st.integers(256 * MB, 2048 * GB),
    cores=st.integers(1, 256),
    disk=st.sampled_from(Disk),
    connections=st.none() | st.integers(1, 5000),
    database=st.none() | st.integers(MB, 4096 * GB),
)
EIGHT = Machine(16 * GB, 8)


def of(use: Use, machine: Machine) -> dict[str, str]:
    return {setting.name: setting.value for setting in tune(use, machine)}


@pytest.mark.parametrize(("use", "most"), [("web", 200), ("oltp", 300), ("dw", 40), ("desktop", 20), ("mixed", 100)])
def test_connections(use: str, most: int) -> None:
    assert pgtune.connections(Use(use), EIGHT) == most
    assert pgtune.connections(Use(use), Machine(16 * GB, 8, connections=7)) == 7


@pytest.mark.parametrize(("use", "kilobytes"), [("web", 4 * G), ("oltp", 4 * G), ("dw", 4 * G), ("desktop", G)])
def test_shared_buffers(use: str, kilobytes: int) -> None:
    assert pgtune.shared_buffers(Use(use), EIGHT) == kilobytes


@pytest.mark.parametrize(("use", "kilobytes"), [("web", 12 * G), ("mixed", 12 * G), ("desktop", 4 * G)])
def test_effective_cache_size(use: str, kilobytes: int) -> None:
    assert pgtune.effective_cache_size(Use(use), EIGHT) == kilobytes


@pytest.mark.parametrize(
    ("use", "memory", "kilobytes"), [("web", 16, G), ("dw", 16, 2 * G), ("dw", 64, 8 * G), ("oltp", 256, 8 * G)]
)
def test_maintenance_work_mem(use: str, memory: int, kilobytes: int) -> None:
    assert pgtune.maintenance_work_mem(Use(use), Machine(memory * GB, 8)) == kilobytes


@pytest.mark.parametrize(
    ("memory", "kilobytes"),
    [(256 * MB, 1966), (1 * GB, 7864), (GB + 900 * MB, 16 * M), (16 * GB, 16 * M)],
)
def test_wal_buffers(memory: int, kilobytes: int) -> None:
    assert pgtune.wal_buffers(Use.WEB, Machine(memory, 2)) == kilobytes


@pytest.mark.parametrize(
    ("use", "machine", "kilobytes"),
    [
        ("web", EIGHT, 12 * G // (208 * 3)),
        ("oltp", EIGHT, 12 * G // (308 * 3)),
        ("dw", EIGHT, 12 * G // (48 * 3 * 2)),
        ("mixed", EIGHT, 12 * G // (108 * 3 * 2)),
        ("desktop", EIGHT, 15 * G // (28 * 3 * 6)),
        ("web", Machine(16 * GB, 2), 12 * G // (208 * 3)),
        ("web", Machine(16 * GB, 16), 12 * G // (216 * 3)),
        ("web", Machine(16 * GB, 8, database=GB), int(12 * G / (208 * 3) * 1.3)),
        ("web", Machine(16 * GB, 8, database=99 * GB), int(12 * G / (208 * 3) * 0.9)),
        ("web", Machine(GB, 2), 4 * M),
    ],
)
def test_work_mem(use: str, machine: Machine, kilobytes: int) -> None:
    assert pgtune.work_mem(Use(use), machine) == kilobytes


@pytest.mark.parametrize(
    ("use", "disk", "database", "cost"),
    [
        ("web", "ssd", None, 1.1),
        ("web", "san", 99 * GB, 1.1),
        ("web", "hdd", None, 4.0),
        ("web", "hdd", GB, 1.1),
        ("dw", "nvme", 99 * GB, 4.0),
        ("dw", "nvme", GB, 1.1),
    ],
)
def test_random_page_cost(use: str, disk: str, database: int | None, cost: float) -> None:
    assert pgtune.random_page_cost(Use(use), Machine(16 * GB, 8, Disk(disk), database=database)) == cost


@pytest.mark.parametrize(("disk", "reads"), [("hdd", 2), ("ssd", 200), ("san", 300), ("nvme", 1000)])
def test_effective_io_concurrency(disk: str, reads: int) -> None:
    assert pgtune.effective_io_concurrency(Machine(16 * GB, 8, Disk(disk))) == reads


@pytest.mark.parametrize(
    ("use", "cores", "expected"),
    [
        ("web", 3, None),
        ("web", 4, ("4", "4", "2", "2")),
        ("web", 5, ("5", "5", "3", "3")),
        ("web", 32, ("32", "32", "4", "4")),
        ("dw", 32, ("32", "32", "16", "4")),
    ],
)
def test_parallel_workers(use: str, cores: int, expected: tuple[str, ...] | None) -> None:
    found = of(Use(use), Machine(16 * GB, cores))
    names = ("max_worker_processes", "max_parallel_workers", "max_parallel_workers_per_gather")
    all_names = (*names, "max_parallel_maintenance_workers")
    assert (tuple(found[n] for n in all_names) if names[0] in found else None) == expected


@pytest.mark.parametrize(
    ("use", "low", "high", "jit", "target"),
    [
        ("web", "1GB", "4GB", "off", "100"),
        ("oltp", "2GB", "8GB", "off", "100"),
        ("dw", "4GB", "16GB", "on", "500"),
        ("desktop", "100MB", "2GB", "on", "100"),
        ("mixed", "1GB", "4GB", "off", "100"),
    ],
)
def test_what_depends_on_the_use_alone(use: str, low: str, high: str, jit: str, target: str) -> None:
    found = of(Use(use), EIGHT)
    assert (found["min_wal_size"], found["max_wal_size"]) == (low, high)
    assert (found["jit"], found["default_statistics_target"]) == (jit, target)
    assert found["checkpoint_completion_target"] == "0.9"


def test_huge_pages_and_what_only_newer_servers_know() -> None:
    assert of(Use.WEB, Machine(8 * GB, 2))["huge_pages"] == "try"
    assert of(Use.WEB, Machine(8 * GB - MB, 2))["huge_pages"] == "off"
    since = {setting.name: setting.since for setting in tune(Use.WEB, EIGHT) if setting.since}
    assert since == {"wal_compression": 15, "io_method": 18}


@pytest.mark.parametrize(("database", "instead"), [(None, ""), (GB, "sync"), (64 * GB, "")])
def test_a_server_without_io_uring_reads_by_itself_where_the_database_is_in_memory(
    server: Server, database: int | None, instead: str
) -> None:
    machine = replace(EIGHT, database=database)
    (setting,) = (one for one in tune(Use.WEB, machine) if one.name == "io_method")
    assert (setting.value, setting.instead) == ("io_uring", instead)
    ((kinds,),) = server.admin.execute("select enumvals from pg_settings where name = 'io_method'").fetchall()
    (found,) = propose(server.admin, [setting])
    built = "io_uring" in kinds
    assert found.setting.value == (instead if instead and not built else "io_uring")
    assert bool(found.unfit) == (not built and not instead)


@given(st.sampled_from(Use), MACHINES)
def test_laws_of_every_machine(use: Use, machine: Machine) -> None:
    memory = machine.memory // 1024
    assert pgtune.work_mem(use, machine) >= 4 * M
    assert pgtune.shared_buffers(use, machine) <= memory // 4
    assert 32 <= pgtune.wal_buffers(use, machine) <= 16 * M
    assert pgtune.maintenance_work_mem(use, machine) <= min(memory // 8, 8 * G)
    assert 1 <= pgtune.per_gather(use, machine) <= max(1, machine.cores)
    assert all(setting.why for setting in tune(use, machine))


@given(st.integers(1, 1 << 40))
def test_a_size_is_shown_without_loss(kilobytes: int) -> None:
    assert canonical(shown(kilobytes), "integer", "kB") == kilobytes
    assert size(shown(kilobytes)) == kilobytes * 1024


def test_the_server_knows_every_setting_and_takes_its_value(server: Server) -> None:
    rows = server.admin.execute("select name, vartype, enumvals from pg_settings").fetchall()
    known = {name: (kind, enumvals) for name, kind, enumvals in rows}
    for use in Use:
        for setting in tune(use, EIGHT):
            kind, enumvals = known[setting.name]
            if kind == "enum" and setting.name not in ("io_method", "wal_compression"):  # these depend on the build
                assert setting.value in enumvals


def test_what_alters_plans_is_what_the_server_says(server: Server) -> None:
    """But what is never taken over: reading ahead and compiling choose no plan, and ours are for exact counts."""
    names = [setting.name for setting in tune(Use.DW, EIGHT)]
    flagged = server.admin.execute(
        "select name from pg_settings where name = any(%s) and 'EXPLAIN' = any(pg_settings_get_flags(name))", [names]
    ).fetchall()
    executor_only = {"effective_io_concurrency", "jit", "max_parallel_workers"}
    statistics = {"default_statistics_target"}
    assert {name for (name,) in flagged} - executor_only | statistics == profiles.ALTER_PLANS


def test_a_computed_profile_is_the_machines_in_what_alters_plans_and_ours_in_the_rest() -> None:
    found = {s.name: s.value for s in profiles.named("dw", Machine(64 * GB, 32, Disk.HDD), {}).settings}
    assert (found["effective_cache_size"], found["random_page_cost"]) == ("48GB", "4")
    assert (found["max_parallel_workers_per_gather"], found["default_statistics_target"]) == ("16", "500")
    assert (found["jit"], found["autovacuum"], found["effective_io_concurrency"]) == ("off", "off", "0")
    assert "shared_buffers" not in found
    few = {s.name: s.value for s in profiles.named("web", Machine(4 * GB, 2), {}).settings}
    assert few["max_parallel_workers_per_gather"] == "2"


def test_a_profile_of_ones_own_lays_its_settings_over_another() -> None:
    own = {
        "mine": {"extends": "small", "settings": {"jit": True, "autovacuum": "on", "seq_page_cost": 0.5}},
        "small": {"extends": "web", "settings": {"work_mem": "1MB"}},
        "oltp": {"extends": "oltp", "settings": {"work_mem": "2MB"}},
        "plain": {},
    }
    found = {s.name: s for s in profiles.named("mine", EIGHT, own).settings}
    values = {name: setting.value for name, setting in found.items()}
    assert (values["jit"], values["work_mem"], values["seq_page_cost"]) == ("on", "1MB", "0.5")
    assert (values["effective_cache_size"], found["autovacuum"].level) == ("12GB", Level.SERVER)
    assert {s.name: s.value for s in profiles.named("oltp", EIGHT, own).settings}["work_mem"] == "2MB"
    plain = profiles.named("plain", None, own)
    assert (plain.name, plain.settings) == ("plain", DETERMINISTIC.settings)
    assert "jit=on" in command_line(profiles.named("mine", EIGHT, own), 18)


@pytest.mark.parametrize(
    ("name", "own", "words"),
    [
        ("fast", {}, "profile fast is not known"),
        ("fast", {}, "deterministic-parallel, oltp, web"),
        ("web", {}, "machine = {"),
        ("a", {"a": {"extends": "b"}, "b": {"extends": "a"}}, "extends itself: a → b → a"),
        ("a", {"a": {"extends": "a"}}, "profile a is not known"),
        ("a", {"a": {"extend": "web"}}, "extend is not a key"),
        ("a", {"a": 3}, "is not a table"),
        ("a", {"a": {"settings": 3}}, "settings is not a table"),
        ("a", {"a": {"settings": {"work_mem": ["1MB"]}}}, "neither a text nor a number"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused(name: str, own: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        profiles.named(name, None, own)
    assert words in str(caught.value)


def test_a_machine_is_read_with_its_units() -> None:
    table = {"memory": "1.5 GB", "cores": 2, "disk": "nvme", "connections": 9, "database": "800MB"}
    assert read(table, "machine") == Machine(1536 * MB, 2, Disk.NVME, 9, 800 * MB)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"cores": 2}, "names no memory"),
        ({"memory": "8 GB"}, "names no cores"),
        ({"memory": "8", "cores": 2}, "not a size"),
        ({"memory": "8 MB", "cores": 2}, "begin at 256 MB"),
        ({"memory": "8 GB", "cores": 0}, "1 or more"),
        ({"memory": "8 GB", "cores": True}, "1 or more"),
        ({"memory": "8 GB", "cores": 2, "disk": "tape"}, "hdd, ssd, san, nvme"),
        ({"memory": "8 GB", "cores": 2, "ram": 1}, "ram is not a key"),
    ],
)
def test_a_machine_that_cannot_be_read_is_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(table, "machine")
    assert words in str(caught.value)
