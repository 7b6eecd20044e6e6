"""The example on every kind of server and every major this machine has: the same plans and baselines.

PostgreSQL 18 of each kind is held to the baselines that are committed; any other major records its own into a copy and
must be within them in the next run, on every kind that has it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from example import ROOT, run
from repeat import only_time

sys.path.append(str(ROOT / "tests"))

from machine import FOLDERS, MAJORS, no_image, no_major

COMMITTED = 18


def kinds(major: int) -> dict[str, str]:
    """Kind → why this machine has not this major of it; empty where it has."""
    embedded = "" if major == COMMITTED else f"the embedded wheel is PostgreSQL {COMMITTED}"
    return {"embedded": embedded, "container": no_image(f"postgres:{major}"), "local": no_major(major)}


def main() -> int:
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="pbkinds-") as name:
        budgets = Path(name) / "budgets"
        shutil.copytree(ROOT / "budgets", budgets)
        for major in MAJORS:
            recorded = major == COMMITTED
            for kind, missing in kinds(major).items():
                if missing:
                    print(f"PostgreSQL {major} {kind:10} not run: {missing}")
                    continue
                if not recorded:
                    wrong += not judged(major, kind, budgets, "--perf-update")
                    recorded = True
                wrong += not judged(major, kind, budgets)
    print(f"{wrong} runs were not as they should be")
    return 1 if wrong else 0


def judged(major: int, kind: str, budgets: Path, *arguments: str) -> bool:
    """Whether the run ended as it should, every verdict ``same`` but for times where nothing is recorded."""
    environ = {
        "PERFBUDGET_SERVER": kind,
        "PERFBUDGET_POSTGRES": str(major),
        "PERFBUDGET_LOCAL": os.pathsep.join(FOLDERS),
        "PERFBUDGET_BUDGETS": str(budgets),
        "PERFBUDGET_CI": "0" if arguments else "1",
    }
    started = time.monotonic()
    done = run(*arguments, environ=environ)
    wanted = "new" if arguments else "same"
    apart = [test for test, word in done.verdicts.items() if word != wanted and not only_time(done, test)]
    good = done.code == 0 and bool(done.verdicts) and not apart
    verdicts = sorted(set(done.verdicts.values()))
    seconds = time.monotonic() - started
    what = "recorded" if arguments else "judged"
    print(f"PostgreSQL {major} {kind:10} {what:8} {len(done.verdicts)} tests: {', '.join(verdicts)} {seconds:5.1f} s",
          "" if good else f"exit code {done.code}\n{done.output}", flush=True)  # fmt: skip
    return good


if __name__ == "__main__":
    sys.exit(main())
