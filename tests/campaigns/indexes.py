"""Each index of the example dropped in turn: the suite must fail, ``regressed`` or ``over``, and name the index."""

from __future__ import annotations

import argparse
import sys

from example import EXAMPLE, INDEXES, run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="these indexes instead of all")
    chosen = parser.parse_args().only or INDEXES
    caught = sum(dropped(index) for index in chosen)
    print(f"{caught} of {len(chosen)} dropped indexes were caught by name")
    return 0 if caught == len(chosen) else 1


def dropped(index: str) -> bool:
    step = EXAMPLE / "seed" / f"campaign_drop_{index}.sql"
    step.write_text(f"DROP INDEX {index};\n")
    try:
        done = run(extra_seed=(f"seed/{step.name}",))
    finally:
        step.unlink()
    words = {word for word in done.verdicts.values() if word in ("over", "regressed")}
    ok = done.code == 1 and bool(words) and f"index {index} is gone" in done.output
    failed = sorted(test.rpartition("::")[2] for test, word in done.verdicts.items() if word in ("over", "regressed"))
    print(f"{'caught' if ok else 'MISSED'}  {index:40} {', '.join(failed)}")
    if not ok:
        print(done.output)
    return ok


if __name__ == "__main__":
    sys.exit(main())
