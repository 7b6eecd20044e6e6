-- name: pb505_compiled
-- explain: ANALYZE, BUFFERS, FORMAT JSON
-- with: jit = on; jit_above_cost = 0; jit_optimize_above_cost = 0; jit_inline_above_cost = 0
SELECT v, sum(id), avg(id) FROM compiled WHERE id % 3 = 0 GROUP BY v;
-- name: pb505_long
-- explain: ANALYZE, BUFFERS, FORMAT JSON
-- with: jit = on; jit_above_cost = 0; jit_optimize_above_cost = 1e9; jit_inline_above_cost = 1e9
SELECT count(*) FROM compiled a, compiled b WHERE a.v + b.v = 3 AND a.id < 2000;
