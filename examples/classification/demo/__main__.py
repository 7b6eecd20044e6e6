"""The demonstration behind `make demo`: the suite within its budgets, then one index dropped and caught.

Exits 0 only if the first run was green and the second was caught.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent.parent
SEED = ("seed/1_schema.sql", "seed/2_data.sql", "seed/3_indexes.sql")
DROP = "demo/drop_index.sql"
INDEX = "classifications_business_idx"


def run(title: str, *seed: str) -> tuple[int, str]:
    """One pytest run of the example with the given seed, its output passed on as it comes."""
    print(f"\n── {title}\n", flush=True)
    environ = os.environ | {"PERFBUDGET_SEED": os.pathsep.join(seed)}
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    process = subprocess.Popen(command, cwd=HERE, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    return process.wait(), "".join(lines)


def main() -> int:
    started = time.monotonic()
    green, _ = run("the classification service, every query within its budget", *SEED)
    caught, text = run(f"the same after a migration that drops {INDEX}", *SEED, DROP)
    spent = time.monotonic() - started
    ok = green == 0 and caught == 1 and INDEX in text
    print("\n── " + ("the first run was green, the second was caught" if ok else "NOT as it should be"), end="")
    print(f": exit codes {green} and {caught}, {spent:.1f} s")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
