"""Statements that are all different queries, and hypothesis strategies that write one of them in another way."""

from __future__ import annotations

from hypothesis import strategies as st

from pytest_perfbudget.statements.tokens import Kind, tokens

DIFFERENT = (
    "SELECT * FROM t WHERE id = 1",
    "SELECT * FROM t WHERE id IN (1, 2)",
    "SELECT * FROM t WHERE id NOT IN (1, 2)",
    "SELECT * FROM t WHERE id = ANY($1)",
    "SELECT * FROM t WHERE id = ANY(ARRAY[1, 2])",
    "SELECT * FROM t WHERE id = ANY($1::int[])",
    "SELECT * FROM t WHERE id = ALL($1)",
    "SELECT * FROM t WHERE id = $1::bigint",
    "SELECT * FROM t WHERE id IN (1::bigint, 2::bigint)",
    "SELECT * FROM t WHERE id IN (SELECT 1)",
    "SELECT * FROM t WHERE id IN (a, b)",
    "SELECT * FROM t WHERE (id, a) IN ((1, 2), (3, 4))",
    "SELECT * FROM t WHERE id::bigint = $1",
    "SELECT * FROM t WHERE id <> 1",
    "SELECT * FROM t WHERE id > 1",
    "SELECT * FROM t WHERE id IS NULL",
    "SELECT * FROM t WHERE id = 1 ORDER BY 1",
    "SELECT * FROM t WHERE id = 1 ORDER BY 2",
    "SELECT * FROM t WHERE id = 1 LIMIT 5",
    "SELECT * FROM t WHERE id = 1 LIMIT 5 OFFSET 5",
    "SELECT * FROM t WHERE id = 1 FOR UPDATE",
    'SELECT * FROM "T" WHERE id = 1',
    'SELECT * FROM "t""u" WHERE id = 1',
    "SELECT * FROM é WHERE id = 1",
    "SELECT * FROM É WHERE id = 1",
    "SELECT * FROM t$1 WHERE id = 1",
    "SELECT * FROM t$2 WHERE id = 1",
    "SELECT * FROM s.t WHERE id = 1",
    "SELECT * FROM t AS u (id) WHERE id = 1",
    "SELECT * FROM t WHERE a = 1 AND b = 2",
    "SELECT * FROM t WHERE a = 1 OR b = 2",
    "SELECT * FROM t WHERE a || 'x' = 'y'",
    "SELECT * FROM t WHERE doc ? 'key'",
    "SELECT * FROM t WHERE doc ?| ARRAY['a', 'b']",
    "SELECT * FROM t WHERE doc ?& ARRAY['a', 'b']",
    "SELECT * FROM t WHERE doc @? '$.a'",
    "SELECT * FROM t WHERE doc @> '{}'",
    "SELECT * FROM t WHERE doc ->> 'a' = 'b'",
    "SELECT * FROM t WHERE a % 3 = 0",
    "SELECT * FROM t WHERE a - 3 = 0",
    "SELECT * FROM t WHERE a @- 3 = 0",
    "SELECT * FROM t WHERE a @ - b = 0",
    "SELECT a[1], b[1:2] FROM t",
    "SELECT f(a => 1, b := 2) FROM t",
    "SELECT count(*) FILTER (WHERE a > 1) OVER (PARTITION BY b) FROM t",
    "SELECT numeric(10, 2) '1'",
    "SELECT numeric(10, 3) '1'",
    "SELECT CASE WHEN a = 1 THEN 'x' ELSE 'y' END FROM t",
    "SELECT interval '1' DAY",
    "INSERT INTO t VALUES (1, 2)",
    "INSERT INTO t VALUES (1, 2), (3, 4)",
    "INSERT INTO t VALUES (1, DEFAULT), (3, DEFAULT)",
    "INSERT INTO t VALUES (1, now()), (3, now())",
    "INSERT INTO t (a, b) VALUES (1, 2)",
    "INSERT INTO s.t (a, b) VALUES (1, 2)",
    "INSERT INTO t VALUES (1, 2) ON CONFLICT (a) DO NOTHING",
    "INSERT INTO t VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
    "UPDATE t SET a = 1, (b, c) = (2, 3) WHERE id = 1",
    "DELETE FROM t USING u WHERE t.id = u.id",
    "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE",
    "WITH x (a) AS MATERIALIZED (SELECT 1) SELECT * FROM x",
    "VALUES (1), (2)",
    "SELECT * FROM t; SELECT * FROM u",
)  # fmt: skip

# fmt: off
PIECES = (
    *"()[],;.:'\"$?%+-*/<>=!@#…É", "::", "--", "/*", "*/", "$$", "$x$", "E'", "U&'", "%s", "%(a)s", "%%", ":a", "?",
    "$1", "in", "values", "array", "select", "from", "t", "1", "1.5", "'x'", "\n", "İ", "insert into",
)
_GAPS = st.lists(
    st.sampled_from([
        " ", "\n", "\t", "\r\n", "-- it's: %s ? \"\n", "/* a /* nested */ 'b */", "/*traceparent='00-7-01'*/",
    ]),
    min_size=1,
    max_size=3,
).map("".join)
_LITERALS = st.integers(0, 10**12).map(str) | st.sampled_from([
    "1.5e3", "'it''s'", "E'it\\'s'", "$$a $ b$$", "$x$ $$ ; -- $x$", "U&'\\0061'", "B'01'", "'…'", "'%s ? :a $1'", "''",
    "NULL", "true", "-- why?\n 7",
])
# fmt: on


@st.composite
def layouts(draw: st.DrawFn, sql: str) -> str:
    """``sql`` with other white space, comments and letter case, perhaps with semicolons after it."""
    parts = [draw(_GAPS | st.just(""))]
    for token in tokens(sql):
        text = sql[token.start : token.end]
        turned = text.swapcase() if token.kind is Kind.WORD and text.isascii() and draw(st.booleans()) else text
        gap = draw(_GAPS | st.just("") if token.kind is Kind.MARK and parts[-1] else _GAPS)
        parts += [" " + gap if gap and parts[-1][-1:] in tuple("-+*/@") else gap, turned]
    return "".join([*parts, draw(st.sampled_from(["", ";", " ; ", ";;", " -- end", " /* end */;"]))])


@st.composite
def literals(draw: st.DrawFn, template: str) -> str:
    """``template`` with any literal in place of each ``{}``."""
    return template.format(*(draw(_LITERALS) for _ in range(template.count("{}"))))
