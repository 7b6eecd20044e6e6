"""What makes planning and counting repeatable, as data: each setting with its reason and its level."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from pytest_perfbudget.postgres.markers import literal


class Level(StrEnum):
    """Who can set it: anyone for a database he owns, or only whoever starts the server."""

    DATABASE = "database"
    SERVER = "server"

    @classmethod
    def of(cls, name: str) -> Level:
        """Of a setting the user names: what is not known to belong to the server is tried on the database."""
        return cls.SERVER if name in _OF_THE_SERVER else cls.DATABASE


_OF_THE_SERVER = frozenset(
    (
        "autovacuum", "checkpoint_completion_target", "checkpoint_timeout", "fsync", "full_page_writes", "huge_pages",
        "io_method", "io_workers", "max_connections", "max_locks_per_transaction", "max_prepared_transactions",
        "max_wal_senders", "max_wal_size", "max_worker_processes", "min_wal_size", "shared_buffers",
        "shared_preload_libraries", "track_activity_query_size", "wal_buffers", "wal_compression", "wal_level",
    )
)  # fmt: skip
"""Context ``postmaster`` or ``sighup`` of pg_settings (wal_compression: a superuser's), of those a profile may name."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a profile; ``since`` is the first major that knows it, ``instead`` the value of a server that was
    built without the other."""

    name: str
    value: str
    why: str
    level: Level = Level.DATABASE
    since: int = 0
    instead: str = ""


LISTS = frozenset(("search_path", "session_preload_libraries", "local_preload_libraries", "temp_tablespaces"))
"""Settings that are lists of names: one text in quotes would be one name."""

_NAMES = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|$)')


def in_sql(setting: Setting) -> str:
    """``name = value`` as ALTER DATABASE … SET takes it; a list as the server reads it on its command line."""
    if setting.name not in LISTS or not setting.value.strip():
        return f"{setting.name} = {literal(setting.value)}"
    names = (match[1].replace('""', '"') if match[1] else _folded(setting.name, match[2] or "")
             for match in _NAMES.finditer(setting.value.strip()) if match[0])  # fmt: skip
    return f"{setting.name} = {', '.join(map(literal, names))}"


def _folded(setting: str, name: str) -> str:
    return name if setting.endswith("libraries") else name.lower()


@dataclass(frozen=True, slots=True)
class Profile:
    """A named list of settings."""

    name: str
    settings: tuple[Setting, ...]

    def of(self, major: int, level: Level | None = None) -> tuple[Setting, ...]:
        """The settings ``major`` knows, of one level or of both."""
        return tuple(s for s in self.settings if s.since <= major and level in (None, s.level))

    def with_settings(self, name: str, *settings: Setting) -> Profile:
        """A profile of that name with these in place of those of the same name, or after them."""
        merged = {s.name: s for s in self.settings} | {s.name: s for s in settings}
        return Profile(name, tuple(merged.values()))

    def digest(self, major: int) -> str:
        """Twelve hexadecimal digits over the names and values ``major`` knows."""
        text = "\n".join(f"{s.name}={s.value}" for s in self.of(major))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


DETERMINISTIC = Profile(
    "deterministic",
    (
        Setting("autovacuum", "off", "statistics change only when the seed is prepared", Level.SERVER),
        Setting("fsync", "off", "a test database need not survive a power cut; nearly all of the speed", Level.SERVER),
        Setting("full_page_writes", "off", "WAL does not depend on when the last checkpoint was", Level.SERVER),
        Setting("jit", "off", "compilation depends on the build, not on the query"),
        Setting("synchronous_commit", "on", "off makes VACUUM race: an Index Only Scan becomes a Bitmap Scan"),
        Setting("max_parallel_workers_per_gather", "0", "whether workers were free must not change a plan's work"),
        Setting("max_parallel_maintenance_workers", "0", "an index is laid out the same each time it is built"),
        Setting("synchronize_seqscans", "off", "a scan starts at block 0, wherever the one before it stopped"),
        Setting("effective_io_concurrency", "0", "no block is read ahead and then not needed"),
        Setting("io_combine_limit", "1", "as many blocks are read cold as warm", since=17),
    ),
)
"""The default: plans and work are the same from run to run."""

THROWAWAY = (
    Setting("shared_buffers", "128MB", "PostgreSQL's default, whatever initdb found free", Level.SERVER),
    Setting("max_connections", "100", "PostgreSQL's default, whatever initdb found free", Level.SERVER),
    Setting("restart_after_crash", "off", "counters are reset by a crash; a crashed server is replaced", Level.SERVER),
    Setting("dynamic_shared_memory_type", "mmap", "a killed server leaves nothing in /dev/shm", Level.SERVER),
    Setting("checkpoint_timeout", "1d", "no checkpoint by the clock in the middle of a test", Level.SERVER),
    Setting("io_method", "sync", "without read-ahead the I/O workers are three idle processes", Level.SERVER, 18),
    Setting("TimeZone", "UTC", "dates do not depend on the machine", Level.SERVER),
    Setting("log_timezone", "UTC", "dates do not depend on the machine", Level.SERVER),
    Setting("log_destination", "stderr", "the log is a file of the run", Level.SERVER),
    Setting("logging_collector", "off", "the log is a file of the run", Level.SERVER),
    Setting("log_checkpoints", "off", "every clone makes two", Level.SERVER),
    Setting("unix_socket_permissions", "0700", "authentication is trust: only the owner connects", Level.SERVER),
)
"""What a server of our own is started with besides the profile; none of it changes a plan."""

CAPTURE = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_level": "info",
    "auto_explain.log_format": "json",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_wal": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_triggers": "on",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_settings": "on",
    "auto_explain.log_verbose": "off",
    "auto_explain.log_min_duration": "0",
}
"""auto_explain on a clone: INFO reaches the client whatever ``client_min_messages`` is, and not the server's log."""

_NO_PARAMETERS = {"auto_explain.log_parameter_max_length": "0"}
"""Since 16 parameters are logged: they tell nothing the plan does not, and make every document another one."""


def capture(major: int) -> dict[str, str]:
    """The settings that make a database send the plan of every statement."""
    return CAPTURE | (_NO_PARAMETERS if major >= 16 else {})


QUIET = "-c auto_explain.log_min_duration=-1 -c log_min_duration_statement=-1 -c log_min_error_statement=panic"
"""The ``options`` of a connection of ours to a database that carries CAPTURE, or whose statements are logged."""


def command_line(profile: Profile, major: int) -> list[str]:
    """The ``-c name=value`` arguments that start a server of our own."""
    settings = [*(s for s in THROWAWAY if s.since <= major), *profile.of(major)]
    return [argument for s in settings for argument in ("-c", f"{s.name}={s.value}")]
