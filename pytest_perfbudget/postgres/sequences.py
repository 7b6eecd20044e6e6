"""The state of all sequences: what a test can change without any tuple counter saying so."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

_QUERY = """
select string_agg(format('select %L::text, last_value, log_cnt, is_called from %s', oid::regclass, oid::regclass),
                  ' union all ' order by oid)
from pg_class where relkind = 'S' and relpersistence <> 't'"""


def sequence_state(connection: psycopg.Connection) -> str:
    """Twelve hexadecimal digits over name, last value, log count and called-ness of each sequence."""
    (query,) = connection.execute(_QUERY).fetchone() or (None,)
    rows = sorted(map(str, connection.execute(query).fetchall())) if query else []
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
