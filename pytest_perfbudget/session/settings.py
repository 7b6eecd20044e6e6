"""The only reader of configuration: command line, then ``PERFBUDGET_*``, then ``[tool.perfbudget]``, then defaults."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_perfbudget.errors import At, SettingsError
from pytest_perfbudget.postgres.server import Container
from pytest_perfbudget.session import ci
from pytest_perfbudget.session.combinations import refuse_combinations
from pytest_perfbudget.session.found import Found
from pytest_perfbudget.session.options import CATEGORIES, GROWTH_SIZES, Options

if TYPE_CHECKING:
    from pytest_perfbudget.postgres.profile import Profile
    from pytest_perfbudget.postgres.seeders import Entry

DEFAULTS: Mapping[str, Any] = {
    "budgets": "budgets",
    "seed": [],
    "server": "auto",
    "postgres": 18,
    "local": [],
    "container_image": "postgres:{major}",
    "container_shm": "256m",
    "container_tmpfs": True,
    "container_reuse": False,
    "container_tls": False,
    "redis": "auto",
    "redis_image": "redis:7",
    "profile": "deterministic",
    "env": [],
    "server_log": False,
    "strict": False,
    "report": [],
    "measure_cap": "5 min",
    "measure_wait": "30 s",
    "growth_sizes": list(GROWTH_SIZES),
    "growth_cap": "3 min",
    "timings": ".perfbudget/timings",
    "timings_branch": "",
}
"""Every key of ``[tool.perfbudget]``."""

TABLES = ("machine", "profiles")
"""Further keys, of tables: only the file has them."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from, the first first."""

    options: Mapping[str, Any]
    flags: Mapping[str, str]
    environ: Mapping[str, str]
    table: Mapping[str, Any]
    file: Path

    def find(self, key: str) -> Found:
        """The setting of the first source that has it."""
        flag = self.flags.get(key, "")
        if (value := self.options.get(flag.removeprefix("--").replace("-", "_"))) is not None:
            return Found(value, flag)
        variable = f"PERFBUDGET_{key.upper()}"
        if self.environ.get(variable):
            return Found(self.environ[variable], variable)
        if key in self.table:
            return Found(self.table[key], f"{self.file}: [tool.perfbudget] {key}")
        return Found(DEFAULTS[key], f"the default of {key}")


_NO_FLAGS: Mapping[str, str] = MappingProxyType({})


def read(
    options: Mapping[str, Any], environ: Mapping[str, str], file: Path, root: Path, flags: Mapping[str, str] = _NO_FLAGS
) -> Options:
    """The options of this run, validated. ``options`` are argparse's; ``flags`` says which option sets which key.

    Raises:
        SettingsError: a value cannot be used; the text names its source and the good values.
    """
    sources = Sources(options, flags, environ, table := file_table(file), file)
    found = {key: sources.find(key) for key in DEFAULTS}
    result = Options(
        root=root,
        run_id=environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex,
        worker=environ.get("PYTEST_XDIST_WORKER", "main"),
        budgets=root / found["budgets"].text(),
        seed=tuple(_steps(found["seed"])),
        server=found["server"].text(),
        postgres=_major(found["postgres"]),
        local=tuple(str(root / text) for text in found["local"].texts()),
        container=_container(found),
        redis=found["redis"].text(),
        redis_image=found["redis_image"].text(),
        profile=_profile(found["profile"], table),
        env=tuple(found["env"].texts()),
        server_log=found["server_log"].flag(),
        strict=found["strict"].flag(),
        reports=tuple(_report(text, root) for text in found["report"].texts()),
        explain=bool(options.get("perf_explain")),
        reseed=bool(options.get("perf_reseed")),
        baseline_ref=options.get("perf_baseline") or "",
        against=options.get("perf_against") or "",
        cache=environ.get("PERFBUDGET_CACHE") or None,
        ci=ci.evidence(environ),
        debugger="--pdb" if options.get("usepdb") else "--trace" if options.get("trace") else "",
        **_measuring(found, root),
        **_recording(options),
    )
    refuse_combinations(result)
    return result


def _measuring(found: Mapping[str, Found], root: Path) -> dict[str, Any]:
    """What concerns the clock, and sizes."""
    return {
        **{key: found[key].seconds() for key in ("measure_cap", "measure_wait", "growth_cap")},
        "growth_sizes": _sizes(found["growth_sizes"]),
        "timings": root / found["timings"].text(),
        "timings_branch": str(found["timings_branch"].value),
    }


def _recording(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the command line says of baselines; accepting something is an update."""
    accept = frozenset(_accept(options.get("perf_accept")))
    return {
        "update": bool(options.get("perf_update") or accept),
        "accept": accept,
        "dry_run": bool(options.get("perf_dry_run")),
        "reason": options.get("perf_reason") or "",
    }


def file_table(file: Path) -> Mapping[str, Any]:
    """``[tool.perfbudget]`` of a pyproject.toml; empty where there is none. Unknown keys are refused."""
    try:
        raw = file.read_bytes()
    except OSError:
        return {}
    if b"tool.perfbudget" not in raw:
        return {}
    import tomllib

    try:
        table = tomllib.loads(raw.decode()).get("tool", {}).get("perfbudget", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"is not TOML: {error}", at=At(str(file))) from None
    for key in table:
        if key not in (known := [*DEFAULTS, *TABLES]):
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            words = f"{key} is not a key of [tool.perfbudget]"
            raise SettingsError(words, at=At(str(file)), remedy=f"{hint}keys: {', '.join(sorted(known))}")
    for key in TABLES:
        if not isinstance(table.get(key, {}), dict):
            raise SettingsError(f"{key} of [tool.perfbudget] is not a table", at=At(str(file)))
    return dict(table)


def _steps(found: Found) -> Sequence[Entry]:
    """A list of texts and tables, or one of them alone; what a table means the seeders say."""
    value = [found.value] if isinstance(found.value, dict) else found.value
    if isinstance(value, list) and all(step and isinstance(step, str | dict) for step in value):
        return value
    return found.texts()


def _major(found: Found) -> int:
    text = str(found.value)
    if not text.isdigit() or not 14 <= int(text) <= 18:
        raise found.refuse("is not a PostgreSQL major", "give 14, 15, 16, 17 or 18")
    return int(text)


def _sizes(found: Found) -> tuple[int, ...]:
    """At least as many, and as far apart, as tell one law of growth from another."""
    from pytest_perfbudget.measure.growth import RANGE, SIZES

    values = found.value.split(os.pathsep) if isinstance(found.value, str) else found.value
    whole = isinstance(values, list) and all(str(value).replace("_", "").isdigit() for value in values)
    sizes = [int(str(value)) for value in values] if whole else []
    if len(sizes) < SIZES or sizes != sorted(set(sizes)) or sizes[0] < 2 or sizes[-1] < RANGE * sizes[0]:
        remedy = f"give numbers of rows, {SIZES} or more, each larger, such as {list(GROWTH_SIZES)}"
        raise found.refuse(f"are not {SIZES} sizes up to {RANGE} times the first", remedy)
    return tuple(sizes)


def _container(found: Mapping[str, Found]) -> Container:
    image, shm = found["container_image"].text(), found["container_shm"].text()
    if not re.fullmatch(r"\d+[bkmg]?", shm.lower()):
        raise found["container_shm"].refuse("is not a size", 'give a number with k, m or g, such as "256m"')
    tmpfs, reuse, tls = (found[f"container_{name}"].flag() for name in ("tmpfs", "reuse", "tls"))
    return Container(image, shm.lower(), tmpfs, reuse, tls)


def _profile(found: Found, table: Mapping[str, Any]) -> Profile:
    """The named profile, from ``machine`` and ``profiles`` of the file."""
    from pytest_perfbudget.postgres import profiles
    from pytest_perfbudget.postgres.profiles.machine import read

    machine = read(table["machine"], "[tool.perfbudget] machine") if "machine" in table else None
    try:
        return profiles.named(found.text(), machine, table.get("profiles", {}))
    except SettingsError as error:
        raise SettingsError(f"{found.where} = {found.value!r}: {error.what}", remedy=error.remedy) from None


def _accept(text: str | None) -> list[str]:
    named = [part.strip() for part in (text or "").split(",") if part.strip()]
    for name in named:
        if name not in CATEGORIES:
            raise SettingsError(f"--perf-accept={name}: no such category", remedy=f"give {', '.join(CATEGORIES)}")
    return named


def _report(text: str, root: Path) -> tuple[str, Path]:
    kind, colon, path = text.partition(":")
    if not colon or not kind or not path:
        raise SettingsError(f"--perf-report={text}: not KIND:PATH", remedy="such as --perf-report=json:perf.json")
    return kind, root / path


def check_reports(reports: Iterable[tuple[str, Path]], known: Collection[str]) -> None:
    """Refuse a report that nobody writes, before a test runs.

    Raises:
        SettingsError: its kind is not among ``known``.
    """
    for kind, path in reports:
        if kind not in known:
            words = f"--perf-report={kind}:{path}: no such kind of report"
            raise SettingsError(words, remedy=f"give {', '.join(known)}, such as --perf-report={min(known)}:{path}")
