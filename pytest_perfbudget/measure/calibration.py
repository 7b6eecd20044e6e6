"""How fast the machine is while it measures: queries of the plugin's own, against what they took on a known one."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

REFERENCES = {
    "select sum(length(i::text)) from generate_series(1, 4000) i": 0.00049,
    "select count(*) from (select i % 100, count(*) from generate_series(1, 5000) i group by 1) counted": 0.00074,
    "select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attnum > 0": 0.00034,
}
"""Of the processor, a hash and the shared buffers, and the seconds each took on two cores of an AMD EPYC in 2026, with
PostgreSQL 18: lower deciles, as other programs ran beside them."""
WARM_UP, EXECUTIONS = 2, 9


def calibration(executing: Callable[[str], Callable[[], float]]) -> float:
    """The factor by which the references take longer than on the known machine: the geometric mean over their medians.

    ``executing`` gives what executes a statement and returns the seconds of it.
    """
    ratios = []
    for sql, known in REFERENCES.items():
        execute = executing(sql)
        for _ in range(WARM_UP):
            execute()
        ratios.append(median(execute() for _ in range(EXECUTIONS)) / known)
    return math.exp(math.fsum(map(math.log, ratios)) / len(ratios))
