"""The example suite repeated in random order, alone and with ``-n 2``: every plan and work verdict must be ``same``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from example import Run, run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50, help="runs of each kind")
    parser.add_argument("--kinds", default="alone,xdist")
    arguments = parser.parse_args()
    wrong = 0
    for kind in arguments.kinds.split(","):
        verdicts: Counter[str] = Counter()
        for number in range(arguments.runs):
            done = shuffled(number, ("-n", "2") if kind == "xdist" else ())
            verdicts.update(done.verdicts.values())
            bad = {test: word for test, word in done.verdicts.items() if word != "same" and not only_time(done, test)}
            if done.code or bad or not done.verdicts:
                wrong += 1
                print(f"{kind} run {number}: exit code {done.code}, {bad}\n{done.output}")
        print(f"{kind}: {arguments.runs} runs, verdicts {dict(verdicts)}", flush=True)
    print(f"{wrong} runs were not as they should be")
    return 1 if wrong else 0


def only_time(done: Run, test: str) -> bool:
    """Whether plan and work are the same and nothing but a latency could not be judged, on a machine that was busy."""
    findings = [finding for one in done.report["tests"] if one["nodeid"] == test for finding in one["findings"]]
    apart = [finding for finding in findings if finding["verdict"] not in ("same", "unjudged")]
    return not apart and all(f["code"].startswith("latency.") for f in findings if f["verdict"] == "unjudged")


def shuffled(number: int, extra: tuple[str, ...]) -> Run:
    environ = {"PERFBUDGET_SHUFFLE": str(number), "PYTHONPATH": str(Path(__file__).parent)}
    return run("-p", "shuffle", *extra, environ=environ)


if __name__ == "__main__":
    sys.exit(main())
