"""What ``--perf-against`` costs, and how often it is wrong: ``python tests/benchmarks/against.py --runs 20``.

The example is put into a git repository of its own, every statement held to ``latency.regress = "10%"``, and its
tests run against the very commit they are at. With ``--always`` what cannot have changed is gated too: each
``regressed`` is a false alarm. Seconds are those of one comparison divided by its statements, the second connection
included; the whole runs' are beside them with those of runs without the option.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
SUITE = '[suite]\nlatency.regress = "10%"\n'
WATCH = """
import json, os, time
import pytest_perfbudget.session.against.compare as compare

measured = compare._measured

def timed(layout, sides, *rest):
    began = time.perf_counter()
    outcomes = measured(layout, sides, *rest)
    if sides:
        with open(os.environ["AGAINST_SECONDS"], "a") as file:
            file.write(json.dumps((time.perf_counter() - began) / len(sides)) + chr(10))
    return outcomes

compare._measured = timed
"""


def repository(place: Path, *, always: bool) -> Path:
    """The example as a checkout; the folder pytest is called in."""
    shutil.copytree(ROOT / "examples" / "classification", place / "examples" / "classification")
    shutil.copytree(ROOT / "budgets", place / "budgets")
    budget = place / "budgets" / "classification.toml"
    budget.write_text(SUITE + ("latency.always = true\n\n" if always else "\n") + budget.read_text())
    (place / "examples" / "classification" / "watch_against.py").write_text(WATCH)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "the example"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=place, check=True)
    return place / "examples" / "classification"


def run(folder: Path, *arguments: str) -> tuple[float, dict[str, Any]]:
    """Seconds of a whole run of pytest, and its report."""
    report = folder / "perf.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--perf-report=json:{report}"]
    began = time.perf_counter()
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    return seconds, json.loads(report.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--always", action="store_true", help="gate every statement")
    parser.add_argument("-k", default="", help="the tests, as pytest's -k")
    given = parser.parse_args()
    chosen = ["-k", given.k] if given.k else []
    with tempfile.TemporaryDirectory(prefix="perfbudget-figures-") as place:
        folder, seconds = repository(Path(place), always=given.always), Path(place) / "seconds"
        os.environ |= {"AGAINST_SECONDS": str(seconds), "PERFBUDGET_CI": "0"}
        run(folder, *chosen)  # builds the template
        alone = [run(folder, *chosen)[0] for _ in range(3)]
        runs = [run(folder, "-p", "watch_against", "--perf-against=HEAD", *chosen) for _ in range(given.runs)]
        each = sorted(json.loads(line) for line in seconds.read_text().splitlines())
    found = [query["against"] for _, report in runs for test in report["tests"] for query in test["queries"]]
    verdicts = Counter(one["verdict"] for one in found if one)
    print(f"{given.runs} null runs, {sum(verdicts.values())} comparisons: {dict(verdicts)}")
    reasons = Counter(one["reason"].rpartition(": ")[2] for one in found if one and one["verdict"] == "unjudged")
    for reason, number in reasons.most_common(5):
        print(f"  unjudged {number}: {reason}")
    print(f"not compared: {sum(one is None for one in found)}")
    print(f"rounds of the first connection: median {median(one['first']['n'] for one in found if one):.0f}")
    print(f"a statement: median {median(each):.2f} s, 90 % within {each[int(len(each) * 0.9)]:.2f} s")
    print(f"a whole run: median {median(taken for taken, _ in runs):.1f} s, without {median(alone):.1f} s")


if __name__ == "__main__":
    main()
