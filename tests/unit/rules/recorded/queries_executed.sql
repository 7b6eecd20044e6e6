-- name: pb101_all
SELECT id, grp FROM wide;
-- name: pb101_few
SELECT id FROM wide WHERE id <= 9999;
-- name: pb101_limited
SELECT id FROM wide ORDER BY grp, id LIMIT 10000;
-- name: pb101_limited_below
SELECT id, rank() OVER (ORDER BY grp) FROM (SELECT id, grp FROM wide ORDER BY id LIMIT 11000) s;
-- name: pb101_multiplied
SELECT s.id, g FROM (SELECT id FROM wide ORDER BY id LIMIT 100) s, generate_series(1, 110) g;
-- name: pb101_aggregate
SELECT count(*) FROM wide;
-- name: pb102_wide
SELECT * FROM wide;
-- name: pb102_few
SELECT * FROM wide WHERE id < 10000;
-- name: pb102_narrow
SELECT id, a FROM wide;
-- name: pb204_nested_loop
SELECT count(*) FROM pairs a JOIN pairs b ON a.v + b.v = 5;
-- name: pb204_half
SELECT count(*) FROM pairs a JOIN pairs b ON a.v > b.v;
-- name: pb204_few
SELECT count(*) FROM pairs a JOIN pairs b ON a.v + b.v = 5 WHERE a.id <= 24;
-- name: pb204_hash_join
-- with: enable_nestloop = off; enable_mergejoin = off
SELECT count(*) FROM lookup a JOIN lookup b ON a.k = b.k AND a.id + b.id = 12345 WHERE a.id < 2000;
-- name: pb204_several_loops
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_material = off; enable_memoize = off
SELECT count(*) FROM generate_series(1, 3) g, LATERAL (SELECT count(*) FROM pairs a JOIN pairs b ON a.v + b.v = g * 5 WHERE a.id < 200) s;
-- name: pb205_gist
-- with: enable_seqscan = off
SELECT count(*) FROM docs WHERE words @@ 'w31'::tsquery;
-- name: pb205_gist_index_scan
-- with: enable_bitmapscan = off; enable_seqscan = off
SELECT count(*) FROM docs WHERE words @@ 'w31'::tsquery;
-- name: pb205_brin
-- with: enable_seqscan = off
SELECT count(*) FROM scattered WHERE k < 50;
-- name: pb205_brin_ordered
-- with: enable_seqscan = off
SELECT count(*) FROM lookup WHERE t < '2024-01-05 02:00';
-- name: pb205_few
-- with: enable_seqscan = off
SELECT count(*) FROM docs WHERE words @@ 'w31'::tsquery AND id < 0;
-- name: pb206_lossy
-- with: work_mem = 64kB; enable_seqscan = off; enable_indexscan = off; enable_indexonlyscan = off
SELECT count(pad) FROM lookup WHERE k < 300;
-- name: pb206_exact
-- with: work_mem = 4MB; enable_seqscan = off; enable_indexscan = off; enable_indexonlyscan = off
SELECT count(pad) FROM lookup WHERE k < 300;
-- name: pb206_parallel
-- with: work_mem = 64kB; enable_seqscan = off; enable_indexscan = off; enable_indexonlyscan = off; max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT count(pad) FROM lookup WHERE k < 300;
-- name: pb207_never_vacuumed
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT count(*) FROM fresh WHERE id BETWEEN 1 AND 300;
-- name: pb207_few
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT count(*) FROM fresh WHERE id < 100;
-- name: pb207_half
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT count(*) FROM half WHERE id BETWEEN 500 AND 1100;
-- name: pb207_vacuumed
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT count(*) FROM parts WHERE lookup_id < 1000;
-- name: pb302_join
-- with: work_mem = 64kB; enable_mergejoin = off; enable_nestloop = off
SELECT count(*) FROM lookup l JOIN parts p ON p.lookup_id = l.id AND p.line = l.k;
-- name: pb302_parallel
-- with: work_mem = 64kB; enable_mergejoin = off; enable_nestloop = off; max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT count(*) FROM lookup l JOIN parts p ON p.lookup_id = l.id AND p.line = l.k;
-- name: pb303_groups
-- with: work_mem = 64kB; enable_sort = off; enable_indexscan = off; enable_indexonlyscan = off; enable_bitmapscan = off
SELECT lookup_id, count(*) FROM parts GROUP BY lookup_id;
-- name: pb303_parallel
-- with: work_mem = 64kB; enable_sort = off; enable_indexscan = off; enable_indexonlyscan = off; enable_bitmapscan = off; max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT lookup_id, count(*) FROM parts GROUP BY lookup_id;
-- name: pb303_in_memory
-- with: work_mem = 16MB; enable_sort = off; enable_indexscan = off; enable_indexonlyscan = off; enable_bitmapscan = off
SELECT lookup_id, count(*) FROM parts GROUP BY lookup_id;
-- name: pb304_cte
-- with: work_mem = 64kB; enable_hashjoin = off; enable_mergejoin = off; enable_seqscan = off
WITH a AS MATERIALIZED (SELECT * FROM parts WHERE lookup_id < 4000) SELECT count(*) FROM a;
-- name: pb304_cte_in_memory
-- with: work_mem = 16MB
WITH a AS MATERIALIZED (SELECT * FROM parts WHERE lookup_id < 4000) SELECT count(*) FROM a;
-- name: pb304_cte_over_sort
-- with: work_mem = 64kB; enable_incremental_sort = off; enable_indexonlyscan = off; enable_indexscan = off
WITH a AS MATERIALIZED (SELECT * FROM parts WHERE lookup_id < 4000 ORDER BY line, lookup_id) SELECT count(*) FROM a x;
-- name: pb304_materialize
-- with: work_mem = 64kB; enable_indexonlyscan = off
SELECT count(*) FROM pairs a LEFT JOIN lookup l ON a.v + l.k > 100 WHERE a.id <= 3;
-- name: pb304_window
-- with: work_mem = 64kB
SELECT count(n) FROM (SELECT count(*) OVER () n FROM lookup) s;
-- name: pb304_function
-- with: work_mem = 64kB
SELECT count(*) FROM generate_series(1, 20000) g;
-- name: pb304_distinct_aggregate
-- with: work_mem = 64kB; enable_presorted_aggregate = off
-- majors: 16, 17, 18
SELECT count(DISTINCT k + id) FROM lookup;
-- name: pb304_distinct_aggregate_14
-- with: work_mem = 64kB
-- majors: 14, 15
SELECT count(DISTINCT k + id) FROM lookup;
-- name: pb402_explosion
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_seqscan = off
SELECT count(*) FROM lookup l JOIN parts p ON p.lookup_id = l.id WHERE l.id <= 5000;
-- name: pb402_few_loops
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_seqscan = off
SELECT count(*) FROM lookup l JOIN parts p ON p.lookup_id = l.id WHERE l.id <= 999;
-- name: pb402_hash_join
SELECT count(*) FROM lookup l JOIN parts p ON p.lookup_id = l.id WHERE l.id <= 5000;
-- name: pb402_memoize
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_material = off
SELECT count(*) FROM lookup l JOIN pairs p ON p.id = l.k % 20;
-- name: pb403_select_list
SELECT p.id, (SELECT max(t) FROM lookup l WHERE l.k = p.v) FROM pairs p, generate_series(1, 3) g;
-- name: pb403_few
SELECT p.id, (SELECT max(t) FROM lookup l WHERE l.k = p.v) FROM pairs p;
-- name: pb403_once
SELECT id, (SELECT max(v) FROM pairs) FROM lookup WHERE id < 3000;
-- name: pb403_hashed
SELECT count(*) FROM lookup WHERE k NOT IN (SELECT v FROM pairs);
-- name: pb404_rescans
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off
SELECT count(*) FROM pairs a JOIN pairs b ON a.v <> b.v;
-- name: pb404_few_loops
-- with: enable_indexonlyscan = off
SELECT count(*) FROM pairs a LEFT JOIN parts p ON a.v + p.line > 0 WHERE a.id <= 3;
-- name: pb404_few_rows
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off
SELECT count(*) FROM pairs a, pairs b WHERE a.v <> b.v AND a.id <= 240 AND b.id <= 300;
-- name: pb404_rounded
SELECT count(*) FROM pairs a WHERE EXISTS (SELECT 1 FROM pairs b WHERE b.v <> a.v);
-- name: pb501_dependent
SELECT count(*) FROM dependent WHERE a = 1 AND b = 1 AND c = 1 AND d = 1;
-- name: pb501_contradiction
SELECT count(*) FROM dependent WHERE a < 5 AND b >= 5;
-- name: pb501_stopped
SELECT id FROM dependent WHERE a < 5 AND b >= 5 LIMIT 1;
-- name: pb501_stopped_early
SELECT id FROM dependent WHERE a < 5 LIMIT 1;
-- name: pb501_few
SELECT count(*) FROM dependent WHERE a = 1 AND b = 1 AND c = 1 AND id <= 9990;
-- name: pb501_good
SELECT count(*) FROM dependent WHERE a = 1;
-- name: pb501_join_above
SELECT count(*) FROM dependent x JOIN lookup l ON l.id = x.id WHERE a = 1 AND b = 1 AND c = 1 AND d = 1;
-- name: pb501_function
SELECT count(*) FROM jsonb_array_elements((SELECT jsonb_agg(id) FROM dependent)) e;
-- name: pb501_recursive
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT count(*) FROM n;
-- name: pb501_rewound
-- with: enable_hashjoin = off; enable_nestloop = off; enable_material = off; enable_sort = off; enable_seqscan = off; enable_bitmapscan = off
SELECT count(*) FROM doubled x JOIN doubled y USING (a);
-- name: pb501_rounded
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_seqscan = off; enable_memoize = off; enable_material = off; enable_bitmapscan = off
SELECT count(*) FROM dependent x JOIN dependent y ON y.id = x.id + 19000 WHERE x.id <= 20000 AND y.a >= 0;
-- name: pb506_joins
-- with: join_collapse_limit = 12; geqo = off
SELECT a.v FROM pairs a JOIN pairs b USING (id) JOIN pairs c USING (id) JOIN pairs d USING (id) JOIN pairs e USING (id) JOIN pairs f USING (id) JOIN pairs g USING (id) JOIN pairs h USING (id) JOIN pairs i USING (id) JOIN pairs j USING (id) JOIN pairs k USING (id) JOIN pairs l USING (id) WHERE id = 7;
-- name: pb506_joins_as_written
-- with: join_collapse_limit = 1
SELECT a.v FROM pairs a JOIN pairs b USING (id) JOIN pairs c USING (id) JOIN pairs d USING (id) JOIN pairs e USING (id) JOIN pairs f USING (id) JOIN pairs g USING (id) JOIN pairs h USING (id) JOIN pairs i USING (id) JOIN pairs j USING (id) JOIN pairs k USING (id) JOIN pairs l USING (id) WHERE id = 7;
