"""The optimisation table: the service before and after, in one run on this machine.

python examples/classification/headline --json headline.json --svg headline.svg
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

from headline import document, picture, table  # noqa: E402
from headline.rounds import Plan, run  # noqa: E402
from headline.workload import BUSINESSES, Workload  # noqa: E402


def main() -> int:
    arguments = _arguments()
    load = Workload(arguments.zipf, businesses=arguments.businesses, yesterday=arguments.yesterday)
    plan = Plan(arguments.rounds, arguments.ablations, arguments.seconds, arguments.start, arguments.warm, load=load)
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    outcome = run(plan, tell)
    tell("done")
    found = document.of(outcome)
    print("\n".join(table.lines(found)))
    if arguments.json:
        arguments.json.write_text(document.text(found))
    if arguments.svg:
        arguments.svg.write_text(picture.svg(found))
    return 0 if found.ok else 1


def _arguments() -> argparse.Namespace:
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=plan.rounds, help="of before and after")
    parser.add_argument("--ablations", type=int, default=plan.ablations, help="rounds of all steps but one")
    parser.add_argument("--seconds", type=float, default=plan.seconds, help="counted of each slice")
    parser.add_argument("--start", type=float, default=plan.start, help="seconds of each slice that are not counted")
    parser.add_argument("--warm", type=float, default=plan.warm, help="seconds of load before the first round")
    parser.add_argument(
        "--yesterday", type=int, default=plan.load.yesterday, help="requests that the cache is warmed by"
    )
    parser.add_argument("--zipf", type=float, default=plan.load.zipf, help="exponent of popularity")
    parser.add_argument("--businesses", type=int, default=BUSINESSES)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--svg", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
