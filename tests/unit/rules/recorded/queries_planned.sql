-- name: pb103_deep
SELECT id, total FROM orders ORDER BY id LIMIT 20 OFFSET 15000;
-- name: pb103_second_page
SELECT id, total FROM orders ORDER BY id LIMIT 20 OFFSET 20;
-- name: pb103_top_of_a_sort
SELECT id, total FROM orders ORDER BY total DESC LIMIT 20;
-- name: pb104_not_in
SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
-- name: pb104_not_in_or
SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE status = 'open') OR nick = 'nick3';
-- name: pb104_not_in_estimated
-- explain: FORMAT JSON
SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
-- name: pb104_all
SELECT id FROM customers WHERE id <> ALL (SELECT id FROM few);
-- name: pb104_of_few
SELECT id FROM customers WHERE id < 50 AND id NOT IN (SELECT id FROM few);
-- name: pb104_not_exists
SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id);
-- name: pb104_not_exists_or
SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id) OR nick = 'nick3';
-- name: pb104_in
SELECT id FROM customers c WHERE id IN (SELECT customer_id FROM orders) OR nick = 'nick3';
-- name: pb208_no_index
SELECT id FROM orders WHERE note LIKE '%77%';
-- name: pb208_no_index_off
-- with: enable_seqscan = off
-- explain: FORMAT JSON
SELECT id FROM orders WHERE note LIKE '%77%';
-- name: pb208_walked
SELECT sku FROM items WHERE qty % 9 = 3;
-- name: pb208_walked_off
-- with: enable_seqscan = off
-- explain: FORMAT JSON
SELECT sku FROM items WHERE qty % 9 = 3;
-- name: pb208_partitions
SELECT count(*) FROM events WHERE payload LIKE '%77%';
-- name: pb208_partitions_off
-- with: enable_seqscan = off
-- explain: FORMAT JSON
SELECT count(*) FROM events WHERE payload LIKE '%77%';
-- name: pb208_served
SELECT id FROM orders WHERE status = 'done';
-- name: pb208_served_off
-- with: enable_seqscan = off
-- explain: FORMAT JSON
SELECT id FROM orders WHERE status = 'done';
-- name: pb208_all_wanted
SELECT note FROM orders;
-- name: pb208_all_wanted_off
-- with: enable_seqscan = off
-- explain: FORMAT JSON
SELECT note FROM orders;
-- name: pb208_tiny
SELECT id FROM few WHERE label LIKE '%7';
-- name: pb208_tiny_off
-- with: enable_seqscan = off
-- explain: FORMAT JSON
SELECT id FROM few WHERE label LIKE '%7';
-- name: pb209_trailing
-- with: enable_seqscan = off
SELECT sku FROM items WHERE qty = 3;
-- name: pb209_leading
SELECT sku FROM items WHERE sku = 3 AND qty = 3;
-- name: pb209_both_through_bitmap
-- with: enable_indexscan = off; enable_indexonlyscan = off
SELECT price FROM items WHERE sku BETWEEN 3 AND 40 AND qty = 3;
-- name: pb209_trailing_through_bitmap
-- with: enable_indexscan = off; enable_indexonlyscan = off; enable_seqscan = off
SELECT price FROM items WHERE qty = 3;
-- name: pb210_function
SELECT count(*) FROM events WHERE date_trunc('month', happened) = '2026-03-01';
-- name: pb210_no_key
SELECT count(*) FROM events WHERE kind = 7;
-- name: pb210_pruned
SELECT count(*) FROM events WHERE happened >= '2026-03-01' AND happened < '2026-04-01' AND kind < 100;
-- name: pb210_pruned_during_execution
-- with: plan_cache_mode = force_generic_plan
-- prepare: (date) AS SELECT count(*) FROM events WHERE happened = $1 AND kind < 100
EXECUTE recorded('2026-03-03');
-- name: pb210_all_wanted
SELECT count(*) FROM events;
-- name: pb210_stopped
SELECT * FROM events WHERE kind = 7 LIMIT 1;
-- name: pb210_wide_range
SELECT count(*) FROM events WHERE happened > '2026-01-01' AND kind < 100;
-- name: pb210_key_in_or
SELECT count(*) FROM events WHERE (happened < '2026-01-05' AND kind < 9) OR (happened > '2026-02-02' AND kind > 490);
-- name: pb211_function
SELECT id FROM customers WHERE lower(email) = 'c7@example.org';
-- name: pb211_cast
SELECT id FROM orders WHERE placed::date = '2026-01-03';
-- name: pb211_calculation
SELECT id FROM orders WHERE id + 1 = 7;
-- name: pb211_join
-- with: enable_hashjoin = off; enable_mergejoin = off
SELECT c.id FROM customers c JOIN picked_few p ON abs(c.id) = p.id;
-- name: pb211_index_on_expression
-- with: enable_bitmapscan = off; enable_indexscan = off
SELECT id FROM customers WHERE lower(name) = 'name 7';
-- name: pb211_column_without_index
SELECT id FROM orders WHERE lower(note) = 'note 7';
-- name: pb211_value_calculated
-- with: enable_bitmapscan = off; enable_indexscan = off
SELECT id FROM orders WHERE customer_id = abs(-7);
-- name: pb211_tiny
SELECT id FROM few WHERE lower(label) = 'l7';
-- name: pb212_numeric
SELECT total FROM orders WHERE id = 42.0;
-- name: pb212_parameter
-- with: plan_cache_mode = force_generic_plan
-- prepare: (numeric) AS SELECT total FROM orders WHERE customer_id = $1
EXECUTE recorded(42);
-- name: pb212_char
SELECT id FROM customers WHERE code = '000042'::text;
-- name: pb212_join
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_material = off
SELECT c.id FROM few f JOIN customers c ON c.id = f.id::numeric;
-- name: pb212_same_type
-- with: enable_bitmapscan = off; enable_indexscan = off
SELECT total FROM orders WHERE id = 42;
-- name: pb212_varchar_as_text
-- with: enable_bitmapscan = off; enable_indexscan = off
SELECT id FROM customers WHERE nick = 'nick7'::text;
-- name: pb212_written
SELECT total FROM orders WHERE id::numeric = 42;
-- name: pb212_column_without_index
SELECT sku FROM items WHERE qty = 3.0;
-- name: pb305_limit
SELECT * FROM orders WHERE status = 'done' ORDER BY total DESC LIMIT 20;
-- name: pb305_two_keys
SELECT * FROM orders ORDER BY status, total;
-- name: pb305_nulls_last
SELECT * FROM orders ORDER BY placed DESC NULLS LAST;
-- name: pb305_index_gives_it
-- with: enable_indexscan = off
SELECT * FROM orders ORDER BY placed DESC;
-- name: pb305_index_after_equality
-- with: enable_bitmapscan = off; enable_indexonlyscan = off; enable_indexscan = off
SELECT price FROM items WHERE sku = 0 ORDER BY qty;
-- name: pb305_several_values
-- with: enable_bitmapscan = off; enable_indexonlyscan = off; enable_indexscan = off
SELECT price FROM items WHERE sku IN (0, 1) ORDER BY qty;
-- name: pb305_range
-- with: enable_bitmapscan = off; enable_indexonlyscan = off; enable_indexscan = off
SELECT price FROM items WHERE sku < 3 ORDER BY qty;
-- name: pb305_few_rows
SELECT * FROM orders WHERE customer_id = 42 ORDER BY total;
-- name: pb305_calculated
SELECT * FROM orders ORDER BY total * 2, id;
-- name: pb305_of_a_join
SELECT o.id FROM orders o JOIN few f ON f.id = o.customer_id % 20 + 1 ORDER BY o.total;
-- name: pb405_filter
WITH recent AS MATERIALIZED (SELECT * FROM orders WHERE status = 'done') SELECT * FROM recent WHERE customer_id = 42;
-- name: pb405_join
WITH recent AS MATERIALIZED (SELECT * FROM orders WHERE status = 'done') SELECT f.label, r.total FROM recent r JOIN few f ON f.id = r.customer_id;
-- name: pb405_twice
WITH recent AS (SELECT * FROM orders WHERE status = 'done') SELECT a.id, b.id FROM recent a, recent b WHERE a.customer_id = 42 AND b.customer_id = 43;
-- name: pb405_one_reads_all
WITH recent AS (SELECT * FROM orders WHERE status = 'done') SELECT (SELECT count(*) FROM recent), r.id FROM recent r WHERE r.customer_id = 42;
-- name: pb405_aggregated
WITH sums AS MATERIALIZED (SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id) SELECT * FROM sums WHERE total > 9000;
-- name: pb405_inlined
WITH recent AS (SELECT * FROM orders WHERE status = 'done') SELECT * FROM recent WHERE customer_id = 42;
-- name: pb405_writes
WITH gone AS (DELETE FROM orders WHERE status = 'done' RETURNING *) SELECT * FROM gone WHERE customer_id = 42;
-- name: pb405_stopped
WITH recent AS MATERIALIZED (SELECT * FROM orders) SELECT * FROM recent LIMIT 5;
-- name: pb502_never
SELECT o.total FROM orders o JOIN picked p ON p.id = o.id;
-- name: pb502_written
-- explain: FORMAT JSON
UPDATE picked SET why = '' WHERE id = 7;
-- name: pb502_tiny
SELECT o.total FROM orders o JOIN picked_few p ON p.id = o.id;
-- name: pb502_analysed
SELECT total FROM orders WHERE id = 7;
-- name: pb502_system
SELECT relname FROM pg_class WHERE oid = 7;
-- name: pb503_custom
-- with: plan_cache_mode = force_custom_plan
-- prepare: (int) AS SELECT note FROM orders WHERE $1 IS NULL OR customer_id = $1
EXECUTE recorded(42);
-- name: pb503_generic
-- with: plan_cache_mode = force_generic_plan
-- prepare: (int) AS SELECT note FROM orders WHERE $1 IS NULL OR customer_id = $1
EXECUTE recorded(42);
-- name: pb503_all
-- with: plan_cache_mode = force_custom_plan
-- prepare: (int) AS SELECT note FROM orders WHERE $1 IS NULL OR customer_id = $1
EXECUTE recorded(NULL);
-- name: pb503_all_generic
-- with: plan_cache_mode = force_generic_plan
-- prepare: (int) AS SELECT note FROM orders WHERE $1 IS NULL OR customer_id = $1
EXECUTE recorded(NULL);
-- name: pb503_planned_generic
-- with: plan_cache_mode = force_generic_plan
-- explain: FORMAT JSON
-- prepare: (int) AS SELECT note FROM orders WHERE $1 IS NULL OR customer_id = $1
EXECUTE recorded(42);
-- name: pb504_serial
SELECT count(*) FROM orders WHERE total > 5;
-- name: pb504_parallel
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
-- explain: FORMAT JSON
SELECT count(*) FROM orders WHERE total > 5;
-- name: pb504_parallel_now
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT count(*) FROM orders WHERE total > 5;
