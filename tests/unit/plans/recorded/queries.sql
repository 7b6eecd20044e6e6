-- name: index_scan_limit
SELECT * FROM orders WHERE customer_id = 42 ORDER BY id DESC LIMIT 5;
-- name: index_scan_limit_other_literal
SELECT * FROM orders WHERE customer_id = 1984 ORDER BY id DESC LIMIT 5;
-- name: index_scan
SELECT id, total FROM orders WHERE id = 7;
-- name: generic_parameter
-- with: plan_cache_mode = force_generic_plan
-- prepare: (int) AS SELECT id, total FROM orders WHERE id = $1
EXECUTE recorded(7);
-- name: seq_scan_filter
SELECT * FROM orders o WHERE total = 999.00 AND note LIKE 'n3%';
-- name: seq_scan_small
SELECT * FROM customers WHERE country = 'de';
-- name: any_list_2
SELECT id FROM orders WHERE id IN (1, 2);
-- name: any_list_5
SELECT id FROM orders WHERE id IN (1, 2, 3, 4, 5);
-- name: whole_index_walk
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT sku FROM items WHERE qty % 9 = 3 ORDER BY sku, qty;
-- name: whole_index_walk_estimated
-- with: enable_seqscan = off; enable_bitmapscan = off
-- explain: FORMAT JSON
SELECT sku FROM items WHERE qty % 9 = 3 ORDER BY sku, qty;
-- name: whole_index_walk_stopped
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT sku FROM items WHERE qty % 9 = 3 ORDER BY sku, qty LIMIT 3;
-- name: index_condition_on_trailing_column
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT sku FROM items WHERE qty = 3 ORDER BY sku, qty;
-- name: index_only_count
-- with: enable_seqscan = off
SELECT count(*) FROM orders WHERE customer_id BETWEEN 10 AND 20;
-- name: index_walk_without_filter
-- with: enable_seqscan = off; enable_sort = off
SELECT placed FROM orders ORDER BY placed;
-- name: rows_removed_on_index
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT * FROM orders WHERE status = 'done' AND total = 7.00;
-- name: rows_removed_on_index_few
SELECT * FROM orders WHERE customer_id = 42 AND total = 7.00;
-- name: sort_spill
-- with: work_mem = 64kB
SELECT * FROM orders ORDER BY note, total;
-- name: sort_in_memory
-- with: work_mem = 64MB
SELECT * FROM orders ORDER BY note, total;
-- name: incremental_sort_spill
-- with: work_mem = 64kB; enable_seqscan = off; enable_sort = on
SELECT * FROM orders ORDER BY status, note LIMIT 39000;
-- name: hash_spill
-- with: work_mem = 64kB; enable_mergejoin = off; enable_nestloop = off
SELECT count(*) FROM orders o JOIN items i ON i.order_id = o.id AND i.qty = o.total;
-- name: hash_in_memory
-- with: work_mem = 64MB; enable_mergejoin = off; enable_nestloop = off
SELECT count(*) FROM orders o JOIN items i ON i.order_id = o.id AND i.qty = o.total;
-- name: hash_aggregate_spill
-- with: work_mem = 64kB; enable_sort = off
SELECT note, count(*) FROM orders GROUP BY note;
-- name: nested_loop_over_seq_scan
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_material = off; enable_memoize = off; enable_indexscan = off; enable_bitmapscan = off; enable_indexonlyscan = off
SELECT count(*) FROM customers c JOIN orders o ON o.total = c.id WHERE c.id <= 12;
-- name: nested_loop_over_index
SELECT c.name, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id <= 5;
-- name: nested_loop_materialized
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off; enable_indexscan = off; enable_bitmapscan = off; enable_indexonlyscan = off
SELECT count(*) FROM customers c JOIN orders o ON o.total = c.id WHERE c.id <= 12;
-- name: left_anti_joins
SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.total > 990 WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.order_id = c.id AND i.qty > 8);
-- name: merge_join
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT * FROM orders o JOIN items i ON i.order_id = o.id;
-- name: bitmap_or
-- with: enable_seqscan = off; enable_indexscan = off
SELECT * FROM orders WHERE customer_id = 3 OR (status = 'open' AND placed < '2024-01-03 00:00+00');
-- name: subplan
SELECT c.id, (SELECT max(o.total) FROM orders o WHERE o.customer_id = c.id AND o.status = 'open') FROM customers c WHERE c.id < 20;
-- name: init_plan
SELECT id FROM orders WHERE total > (SELECT avg(total) * 1.9 FROM orders) AND customer_id = 42;
-- name: cte
WITH recent AS MATERIALIZED (SELECT * FROM orders WHERE placed > '2024-09-01 00:00+00') SELECT r.status, count(*) FROM recent r JOIN recent s USING (id) GROUP BY r.status;
-- name: partitions
SELECT kind, count(*) FROM events e WHERE happened BETWEEN '2024-06-01' AND '2025-02-01' GROUP BY kind;
-- name: partitions_unaliased
SELECT count(*) FROM events WHERE happened BETWEEN '2024-12-30' AND '2025-01-02';
-- name: values_list
SELECT * FROM orders JOIN (VALUES (1, 'a'), (2, 'b')) AS wanted (id, tag) USING (id);
-- name: window
SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY placed) AS n FROM orders WHERE customer_id < 10) x WHERE n <= 2;
-- name: set_operation
-- with: enable_hashagg = off
SELECT customer_id FROM orders WHERE id < 50 EXCEPT SELECT id FROM customers WHERE id < 20;
-- name: recursive
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) SELECT count(*) FROM n JOIN orders o ON o.id = n.i;
-- name: update
UPDATE orders SET note = 'seen' WHERE customer_id = 42 AND status = 'open';
-- name: insert_conflict
INSERT INTO customers VALUES (1, 'x', 'de') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
-- name: parallel
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT count(*) FROM orders WHERE total > 3;
-- name: grouping_sets
SELECT status, customer_id, count(*) FROM orders WHERE id < 100 GROUP BY GROUPING SETS ((status), (customer_id), ());
-- name: subplan_removes_a_fraction
-- with: enable_indexscan = off; enable_bitmapscan = off
SELECT (SELECT count(*) FROM customers x WHERE x.id = c.id AND x.id <= 2000) FROM customers c WHERE c.id < 4;
-- name: estimates_only
-- explain: FORMAT JSON
SELECT * FROM orders o WHERE total = 999.00 AND note LIKE 'n3%';
-- name: verbose
-- explain: ANALYZE, VERBOSE, BUFFERS, FORMAT JSON
SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.country = 'de' AND o.placed < '2024-02-01 00:00+00';
