"""What the plugin costs a run that does not use it: CPU of pytest with it and with ``-p no:pytest_perfbudget``.

Zero tests: alternating pairs, median of the differences. Unrelated tests: 2,000 empty tests, per test. The other
plugins that are installed are switched off in both: what they import would be ours for nothing, what they do is noise.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

OTHERS = [
    argument
    for plugin in entry_points(group="pytest11")
    if plugin.value.partition(".")[0] != "pytest_perfbudget"
    for argument in ("-p", f"no:{plugin.name}")
]


def cpu(arguments: list[str], folder: Path) -> float:
    """CPU seconds (user and system) of one pytest run, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *OTHERS, *arguments]
    # Compiled modules are cached, as they are wherever pytest is installed in the ordinary way.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def pairs(folder: Path, count: int) -> list[float]:
    differences = []
    for number in range(count):
        order = ([], ["-p", "no:pytest_perfbudget"]) if number % 2 else (["-p", "no:pytest_perfbudget"], [])
        spent = {bool(arguments): cpu(list(arguments), folder) for arguments in order}
        differences.append(spent[False] - spent[True])
    return differences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    count = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs(folder, 1)
        zero = statistics.median(pairs(folder, count))
        (folder / "test_many.py").write_text(
            "import pytest\n@pytest.mark.parametrize('n', range(2000))\ndef test_nothing(n): pass\n"
        )
        pairs(folder, 1)
        each = (statistics.median(pairs(folder, count)) - zero) / 2000
    print(f"zero tests: {zero * 1e3:+.1f} ms CPU (median of {count} alternating pairs; at most 15 ms)")
    print(f"unrelated tests: {each * 1e6:+.1f} µs CPU per test (2,000 tests; at most 10 µs)")
    return 0 if zero <= 0.015 and each <= 10e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
