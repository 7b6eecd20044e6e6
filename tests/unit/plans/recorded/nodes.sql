-- Each node type that explain.c can write, with its variants, at least once. `since` is the first major that can.
-- name: node_result
SELECT * FROM authors WHERE false;
-- name: node_result_one_time_filter
SELECT * FROM authors WHERE id = 3 AND current_user = 'nobody';
-- name: node_project_set
SELECT id, generate_series(1, 2) FROM authors WHERE id < 3;
-- name: node_insert
INSERT INTO wishes SELECT id, 1 FROM books WHERE id BETWEEN 40 AND 60 ON CONFLICT (book) DO NOTHING RETURNING book;
-- name: node_update_partitions
UPDATE sales SET copies = 0 WHERE day = '2024-02-03' OR day = '2024-05-06';
-- name: node_delete
DELETE FROM wishes w USING books b WHERE b.id = w.book AND b.price < 5;
-- name: node_merge
-- since: 15
MERGE INTO wishes w USING (SELECT id FROM books WHERE id BETWEEN 40 AND 60) b ON b.id = w.book WHEN MATCHED THEN UPDATE SET copies = 2 WHEN NOT MATCHED THEN INSERT VALUES (b.id, 1);
-- name: node_merge_not_matched_by_source
-- since: 17
MERGE INTO wishes w USING (SELECT id FROM books WHERE id < 20) b ON b.id = w.book WHEN NOT MATCHED BY SOURCE THEN DELETE;
-- name: node_append
SELECT id FROM authors WHERE id = 3 UNION ALL SELECT id FROM books WHERE id = 4;
-- name: node_append_pruned
-- with: plan_cache_mode = force_generic_plan
-- prepare: (date) AS SELECT * FROM sales WHERE day = $1
EXECUTE recorded('2024-02-03');
-- name: node_merge_append
-- with: enable_sort = off
SELECT id FROM authors UNION ALL SELECT id FROM books ORDER BY id LIMIT 3;
-- name: node_recursive_union
WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n;
-- name: node_bitmap_and
-- with: enable_seqscan = off; enable_indexscan = off
SELECT * FROM books WHERE author BETWEEN 3 AND 9 AND price BETWEEN 3 AND 6;
-- name: node_bitmap_or
-- with: enable_seqscan = off; enable_indexscan = off
SELECT * FROM books WHERE author = 3 OR price = 4;
-- name: node_nested_loop
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off
SELECT * FROM authors a JOIN books b ON b.author = a.id WHERE a.id < 3;
-- name: node_nested_loop_left
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_material = off
SELECT * FROM authors a LEFT JOIN books b ON b.author = a.id AND b.price > a.id WHERE a.id < 3;
-- name: node_nested_loop_semi
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off
SELECT * FROM authors a WHERE a.id < 5 AND EXISTS (SELECT FROM books b WHERE b.author = a.id AND b.price > a.id);
-- name: node_nested_loop_anti
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off
SELECT * FROM authors a WHERE a.id < 5 AND NOT EXISTS (SELECT FROM books b WHERE b.author = a.id AND b.price > a.id);
-- name: node_memoize_binary
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_material = off
SELECT * FROM books b, LATERAL (SELECT count(*) FROM authors a WHERE a.id > b.price) c WHERE b.id < 900;
-- name: node_memoize
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_bitmapscan = off
SELECT * FROM books b JOIN sales_q1 s ON s.day = date '2024-01-01' + b.price WHERE b.id < 300;
-- name: node_materialize
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off; enable_indexscan = off; enable_bitmapscan = off
SELECT * FROM authors a JOIN authors b ON b.country > a.country WHERE a.id < 4;
-- name: node_merge_join
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT * FROM authors a JOIN books b ON b.author = a.id;
-- name: node_merge_join_left
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT * FROM authors a LEFT JOIN wishes w ON w.book = a.id;
-- name: node_merge_join_right
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT s.day, a.name FROM sales s LEFT JOIN authors a ON a.id + 0 = s.copies WHERE s.day < '2024-01-20';
-- name: node_merge_join_full
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT * FROM authors a FULL JOIN books b ON b.author = a.id;
-- name: node_merge_join_semi
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT * FROM authors a WHERE EXISTS (SELECT FROM books b WHERE b.author = a.id AND b.price >= a.id);
-- name: node_merge_join_anti
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT * FROM authors a WHERE NOT EXISTS (SELECT FROM books b WHERE b.author = a.id);
-- name: node_merge_join_right_anti
-- since: 16
-- with: enable_hashjoin = off; enable_nestloop = off
SELECT * FROM books b WHERE NOT EXISTS (SELECT FROM authors a WHERE b.author = a.id);
-- name: node_hash_join
-- with: enable_mergejoin = off; enable_nestloop = off
SELECT * FROM authors a JOIN books b ON b.author = a.id;
-- name: node_hash_join_left
-- with: enable_mergejoin = off; enable_nestloop = off
SELECT * FROM books b LEFT JOIN authors a ON b.author = a.id;
-- name: node_hash_join_right
-- with: enable_mergejoin = off; enable_nestloop = off
SELECT * FROM authors a LEFT JOIN books b ON b.author = a.id;
-- name: node_hash_join_full
SELECT * FROM authors a FULL JOIN books b ON b.author = a.id;
-- name: node_hash_join_semi
-- with: enable_mergejoin = off; enable_nestloop = off
SELECT * FROM books b WHERE EXISTS (SELECT FROM authors a WHERE a.name = b.title);
-- name: node_hash_join_anti
-- with: enable_mergejoin = off; enable_nestloop = off
SELECT * FROM books b WHERE NOT EXISTS (SELECT FROM authors a WHERE a.id = b.author);
-- name: node_hash_join_right_anti
-- since: 16
-- with: enable_mergejoin = off; enable_nestloop = off
SELECT * FROM authors a WHERE NOT EXISTS (SELECT FROM generate_series(1, 20000) g WHERE g = a.id);
-- name: node_hash_join_right_semi
-- since: 18
-- with: enable_mergejoin = off; enable_nestloop = off
SELECT * FROM authors a WHERE EXISTS (SELECT FROM generate_series(1, 20000) g WHERE g = a.id AND g <> length(a.name));
-- name: node_sample_scan
SELECT count(*) FROM books TABLESAMPLE SYSTEM (50) REPEATABLE (7);
-- name: node_sample_scan_extension
SELECT count(*) FROM books TABLESAMPLE system_rows (10);
-- name: node_index_scan_backward
SELECT * FROM books ORDER BY id DESC LIMIT 2;
-- name: node_index_scan_order_by
SELECT * FROM places ORDER BY spot <-> point(3, 4) LIMIT 2;
-- name: node_index_only_scan
-- with: enable_seqscan = off; enable_bitmapscan = off
SELECT price FROM books WHERE price < 3;
-- name: node_bitmap_recheck
-- with: enable_seqscan = off; enable_indexscan = off
SELECT * FROM places WHERE spot <@ box '(1,1),(5,5)';
-- name: node_tid_scan
SELECT * FROM books WHERE ctid = '(0,3)';
-- name: node_tid_range_scan
SELECT id FROM books WHERE ctid < '(1,1)';
-- name: node_subquery_scan
SELECT * FROM (SELECT * FROM books ORDER BY price, id LIMIT 5) cheap WHERE title <> 'title 97';
-- name: node_function_scan
SELECT * FROM generate_series(1, 3) WITH ORDINALITY AS s (value, n) WHERE value > 1;
-- name: node_table_function_scan
-- explain: FORMAT JSON
SELECT t.* FROM places p, XMLTABLE('/note' PASSING p.notes COLUMNS body text PATH 'body') t WHERE p.id = 3;
-- name: node_json_table
-- since: 17
SELECT * FROM JSON_TABLE(jsonb '[{"a": 1}, {"a": 2}]', '$[*]' COLUMNS (a int PATH '$.a')) t;
-- name: node_values_scan
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS wanted (id, tag) WHERE id > 1;
-- name: node_cte_scan
WITH dear AS MATERIALIZED (SELECT * FROM books WHERE price > 95) SELECT a.id FROM dear a JOIN dear b ON a.id = b.author;
-- name: node_named_tuplestore_scan
-- auto_explain: nested
INSERT INTO wishes VALUES (2901, 1);
-- name: node_foreign_scan_file
SELECT * FROM motd;
-- name: node_foreign_scan
-- explain: ANALYZE, VERBOSE, BUFFERS, TIMING OFF, FORMAT JSON
SELECT title FROM far_books WHERE id = 3 AND random() >= 0;
-- name: node_foreign_join
-- explain: ANALYZE, VERBOSE, BUFFERS, TIMING OFF, FORMAT JSON
SELECT a.name, b.title FROM far_books b JOIN far_authors a ON a.id = b.author WHERE b.price < 2;
-- name: node_foreign_update
-- explain: ANALYZE, VERBOSE, BUFFERS, TIMING OFF, FORMAT JSON
UPDATE far_books SET price = 1 WHERE id = 3;
-- name: node_foreign_delete
-- explain: ANALYZE, VERBOSE, BUFFERS, TIMING OFF, FORMAT JSON
DELETE FROM far_books WHERE id = 3;
-- name: node_foreign_insert
-- explain: ANALYZE, VERBOSE, BUFFERS, TIMING OFF, FORMAT JSON
INSERT INTO far_books VALUES (3001, 1, 1, 'late');
-- name: node_foreign_async
SELECT * FROM far_sales WHERE copies = 4;
-- name: node_sort
SELECT * FROM authors ORDER BY name;
-- name: node_sort_top_n
SELECT * FROM authors ORDER BY name LIMIT 2;
-- name: node_incremental_sort
-- with: enable_seqscan = off
SELECT * FROM books ORDER BY price, title LIMIT 5;
-- name: node_group
-- with: enable_hashagg = off
SELECT author FROM books GROUP BY author;
-- name: node_aggregate
SELECT count(*), max(price) FROM books;
-- name: node_aggregate_sorted
-- with: enable_hashagg = off
SELECT author, count(*) FROM books GROUP BY author;
-- name: node_aggregate_hashed
-- with: enable_sort = off
SELECT country, count(*) FROM authors GROUP BY country;
-- name: node_aggregate_mixed
SELECT country, name, count(*) FROM authors GROUP BY GROUPING SETS (country, name, ());
-- name: node_grouping_sets_sorted
-- with: enable_hashagg = off
SELECT country, name, count(*) FROM authors GROUP BY ROLLUP (country, name);
-- name: node_aggregate_partitionwise
-- with: enable_partitionwise_aggregate = on
SELECT copies, count(*) FROM sales GROUP BY copies;
-- name: node_window
SELECT * FROM (SELECT id, row_number() OVER (ORDER BY price, id) AS n FROM books) x WHERE n <= 2;
-- name: node_window_frames
SELECT id, sum(price) OVER w, rank() OVER (PARTITION BY author ORDER BY price) FROM books WHERE id < 9 WINDOW w AS (ORDER BY id ROWS 2 PRECEDING);
-- name: node_unique
-- with: enable_hashagg = off
SELECT DISTINCT country FROM authors;
-- name: node_distinct_on
SELECT DISTINCT ON (author) author, title FROM books WHERE id < 9 ORDER BY author, price;
-- name: node_set_op_intersect
SELECT author FROM books INTERSECT SELECT id FROM authors;
-- name: node_set_op_intersect_all
-- with: enable_hashagg = off
SELECT author FROM books INTERSECT ALL SELECT id FROM authors;
-- name: node_set_op_except
-- with: enable_hashagg = off
SELECT author FROM books EXCEPT SELECT id FROM authors;
-- name: node_set_op_except_all
SELECT author FROM books EXCEPT ALL SELECT id FROM authors;
-- name: node_lock_rows
SELECT * FROM books WHERE id = 3 FOR UPDATE;
-- name: node_limit
SELECT * FROM books LIMIT 2 OFFSET 1;
-- name: node_init_plan
SELECT * FROM books WHERE id = (SELECT max(book) FROM wishes);
-- name: node_sub_plan
SELECT a.id, (SELECT count(*) FROM books b WHERE b.author = a.id) FROM authors a WHERE a.id < 3;
-- name: node_sub_plan_hashed
SELECT * FROM books WHERE id < 5 AND author NOT IN (SELECT id FROM authors WHERE country = 'de');
-- name: node_gather
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT * FROM books WHERE title = 'title 3';
-- name: node_gather_merge
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; enable_incremental_sort = off; enable_indexscan = off
SELECT * FROM books ORDER BY title;
-- name: node_parallel_aggregate
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT price % 3, count(*) FROM books GROUP BY 1;
-- name: node_parallel_aggregate_sorted
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; enable_hashagg = off
SELECT price % 3, count(*) FROM books GROUP BY 1;
-- name: node_parallel_aggregate_plain
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT count(*) FROM books;
-- name: node_parallel_hash_join
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; enable_mergejoin = off; enable_nestloop = off
SELECT count(*) FROM books a JOIN books b ON a.id = b.price;
-- name: node_parallel_append
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
SELECT count(*) FROM sales;
-- name: node_parallel_index_scan
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; min_parallel_index_scan_size = 0; enable_seqscan = off; enable_bitmapscan = off
SELECT sum(price) FROM books WHERE author < 100;
-- name: node_parallel_bitmap
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; min_parallel_index_scan_size = 0; enable_seqscan = off; enable_indexscan = off
SELECT sum(price) FROM books WHERE author < 100;
-- name: options
-- explain: ANALYZE, VERBOSE, COSTS, SETTINGS, BUFFERS, WAL, TIMING, SUMMARY, FORMAT JSON
-- with: enable_seqscan = off
UPDATE books SET title = 'again' WHERE id = 3;
-- name: options_16
-- since: 16
-- explain: GENERIC_PLAN, VERBOSE, SETTINGS, FORMAT JSON
SELECT * FROM books WHERE id = $1;
-- name: options_17
-- since: 17
-- explain: ANALYZE, SERIALIZE TEXT, MEMORY, FORMAT JSON
SELECT * FROM books WHERE id = 3;
-- name: options_overexplain
-- since: 18
-- explain: DEBUG, RANGE_TABLE, FORMAT JSON
SELECT b.title FROM books b JOIN authors a ON a.id = b.author WHERE b.id = 3;
