"""Record the shapes: ``python record.py MAJOR DSN`` writes ``pg<MAJOR>.json``. The DSN is that of an empty database."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
PLANNED, COUNTED = "", "ANALYZE, BUFFERS, "
WORKERS = """SET LOCAL max_parallel_workers_per_gather = 2; SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0"""
HASHED = "SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = off"
BY_PARTS = "SET LOCAL enable_partitionwise_aggregate = on"
BY_B = "CREATE INDEX tied_a_b ON tied (a, b)"
BY_C = "CREATE INDEX tied_a_c ON tied (a, c)"

PARTITIONS = {
    "all": "SELECT * FROM events",
    "aliased": "SELECT * FROM events e WHERE note = 'x'",
    "some": "SELECT * FROM events e WHERE at < 100",
    "one_left": "SELECT * FROM events WHERE at = 150",
    "one_left_aliased": "SELECT * FROM events e WHERE at = 150",
    "one_left_below": "SELECT * FROM events e WHERE at = 50 AND kind = 2",
    "update": "UPDATE events e SET note = 'y' WHERE id = 5",
    "update_one_left": "UPDATE events e SET note = 'y' WHERE at = 150 AND id = 5",
    "delete": "DELETE FROM events WHERE id = 5",
    "delete_one_left": "DELETE FROM events e WHERE at = 50 AND kind = 2",
    "insert": "INSERT INTO events VALUES (1, 2, 3, 'x')",
    "joined": "SELECT * FROM events a JOIN events b ON a.at = b.at AND a.id = b.id",
    "twice": "SELECT id FROM events WHERE note = 'x' UNION ALL SELECT id FROM events WHERE note = 'y'",
    "one_left_then_all": "SELECT id FROM events WHERE at = 150 UNION ALL SELECT id FROM events",
    "inherited": "SELECT * FROM parent WHERE v = 3",
    "inherited_update": "UPDATE parent SET v = 2 WHERE id = 4",
    "named_like_a_number": "SELECT * FROM orders_1 WHERE id = 3",
    "quoted": 'SELECT * FROM "Order ""Lines""" WHERE id = 5',
    "quoted_partition": 'SELECT * FROM "Events 2025"',
}
MERGE = """MERGE INTO events e USING orders_1 o ON e.id = o.id AND e.at = 150
WHEN MATCHED THEN UPDATE SET note = 'z'"""
SCANS = {
    "self_join": """SELECT * FROM orders o JOIN orders p ON o.id = p.customer
WHERE o.total > (SELECT avg(total) FROM orders o WHERE o.customer = 3) AND o.id < 100""",
    "twice_in_a_subplan": """SELECT * FROM orders_1 o WHERE customer > (SELECT max(id) FROM
(SELECT id FROM orders o WHERE o.customer = 3 UNION ALL SELECT id FROM orders o WHERE o.customer = 4) u)""",
    "partitions_in_a_subplan": "SELECT * FROM orders_1 WHERE id > (SELECT min(e.kind) FROM events e WHERE note > 'n')",
    "cte_twice": "WITH w AS MATERIALIZED (SELECT * FROM orders o WHERE customer = 3) "
    "SELECT * FROM w x JOIN w y USING (id) JOIN orders o USING (id)",
    "union_all": "SELECT id FROM orders o WHERE customer = 3 UNION ALL SELECT id FROM orders o WHERE customer = 4",
    "rows_2": "SELECT * FROM orders WHERE (customer, status) IN ((1, 2), (3, 4))",
    "rows_3": "SELECT * FROM orders WHERE (customer, status) IN ((1, 2), (3, 4), (5, 6))",
    "values_2": "SELECT * FROM orders_1 JOIN (VALUES (1), (2)) v (id) USING (id)",
    "values_3": "SELECT * FROM orders_1 JOIN (VALUES (1), (2), (3)) v (id) USING (id)",
    "excepted": "SELECT id FROM orders_1 EXCEPT SELECT id FROM orders",
}
PARALLEL = {
    "hash_aggregate": "SELECT customer, count(*) FROM orders GROUP BY customer",
    "group_aggregate": "SET LOCAL enable_hashagg = off; SELECT customer, count(*) FROM orders GROUP BY customer",
    "sort": "SELECT * FROM orders ORDER BY note LIMIT 5",
    "hash_join": f"{HASHED}; SELECT count(*) FROM orders a JOIN orders b ON a.id = b.customer",
    "append": "SELECT count(*) FROM events",
    "distinct": "SELECT DISTINCT customer FROM orders",
    "sorted_parts": "SELECT * FROM events ORDER BY note, id LIMIT 5",
    "by_parts": f"{BY_PARTS}; SELECT kind, count(*) FROM events GROUP BY kind",
}
TIES = {
    "tie_c_is_newer": f"{BY_B}; {BY_C}; SELECT * FROM tied WHERE a = 7",
    "tie_b_is_newer": f"{BY_C}; {BY_B}; SELECT * FROM tied WHERE a = 7",
    "tie_lost": "SELECT * FROM tied WHERE a = 7",
    "tie_narrower": f"{BY_B}; SELECT * FROM tied WHERE a = 7 AND b = 7",
    "tie_filtered": f"{BY_C}; SELECT * FROM tied WHERE a = 7 AND b = 7",
}
FIFTEEN = """SELECT o.customer, count(*), sum(o.total) FROM orders o JOIN orders_1 p ON p.id = o.customer
JOIN tied t ON t.b = p.customer
JOIN (SELECT id FROM events WHERE at < 100 AND kind = 2 AND note > 'n1') e ON e.id = o.id
WHERE o.status = 3 AND o.total > 11 AND p.id > (SELECT min(status) FROM orders WHERE id < 10)
GROUP BY o.customer HAVING count(*) > 1 ORDER BY 2 DESC"""


def statements(major: int) -> dict[str, tuple[str, str]]:
    """Name → EXPLAIN's options, and the statement after what has to be set or made for it."""
    found = {f"partitions/{name}": (PLANNED, sql) for name, sql in PARTITIONS.items()}
    if major >= 15:
        found["partitions/merge"] = (PLANNED, MERGE)
    found |= {f"{name}/verbose": ("VERBOSE, ", sql) for name, (_, sql) in found.items()}
    found["partitions/joined_by_parts"] = (PLANNED, f"SET LOCAL enable_partitionwise_join = on; {PARTITIONS['joined']}")
    found |= {f"scans/{name}": (PLANNED, sql) for name, sql in SCANS.items()}
    found |= {f"parallel/{name}": (COUNTED, f"{WORKERS}; {sql}") for name, sql in PARALLEL.items()}
    found |= {f"serial/{name}": (COUNTED, sql) for name, sql in PARALLEL.items()}
    found |= {f"ties/{name}": (COUNTED, sql) for name, sql in TIES.items()}
    found["sizes/fifteen"] = (COUNTED, FIFTEEN)
    return found | {f"estimated/{name}": (PLANNED, sql) for name, sql in TIES.items()}


def record(major: int, dsn: str) -> None:
    plans = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute((HERE / "shapes.sql").read_text())
        connection.execute("VACUUM ANALYZE")
        connection.execute("SET max_parallel_workers_per_gather = 0")
        for name, (options, text) in statements(major).items():
            *before, sql = text.split("; ")
            with connection.transaction(force_rollback=True):
                for step in before:
                    connection.execute(step)
                row = connection.execute(f"EXPLAIN ({options}FORMAT JSON) {sql}").fetchone()
                assert row
                plans[name] = row[0]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(plan)}" for name, plan in plans.items())
    (HERE / f"pg{major}.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    record(int(sys.argv[1]), sys.argv[2])
