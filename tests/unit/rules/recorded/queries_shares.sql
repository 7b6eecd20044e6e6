-- Subplans that are charged to nodes far from where they hang; see plans/charges.py.
-- name: shares_cte_below
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t where k<5), b as materialized (select * from a where v=1) select (select count(*) from b), (select count(*) from a), t.id from t where id < 5;
-- name: shares_initplan_deep
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select * from u where t_id = (select max(id) from t where k=3) and id < 500 order by w limit 3;
-- name: shares_initplan_in_subquery
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select * from (select u.id, (select max(v) from t) m from u where id<100 offset 0) s join t on t.id=s.m;
-- name: shares_initplan_in_subplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select id, (select count(*) from t where t.k = u.w and t.v < (select avg(v) from t)) from u where id < 6;
-- name: shares_cte_in_subplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t where k<50) select id, (select count(*) from a where a.v = u.w) from u where id < 6;
-- name: shares_cte_two_readers
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t) select count(*) from a x join a y on x.id=y.id where x.k=1;
-- name: shares_cte_partial_read
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t) select (select id from a limit 1), (select count(*) from a);
-- name: shares_dml_cte
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with d as (delete from u where id < 50 returning *), i as (insert into z select id from d returning a) select count(*) from i;
-- name: shares_dml_cte_unread
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with d as (delete from u where id < 50 returning *) select 1;
-- name: shares_upd_subplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
update u set w = (select count(*) from t where t.id = u.t_id) where id < 50;
-- name: shares_never
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select * from t where id < 5 and exists (select 1 from z join u on u.id=z.a where z.a > 3) and k > (select max(a) from z);
-- name: shares_recursive_init
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with recursive r(i) as (select (select min(id) from t) union all select i+1 from r where i < (select max(k) from t)) select count(*) from r;
-- name: shares_init_multi
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select (select max(v) from t), (select min(v) from t), id from u where id in (select t_id from u where w = (select max(w) from u) limit 5);
-- name: shares_par_init
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
select count(*) from u where w < (select avg(v) from t);
-- name: shares_par_join
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; enable_hashjoin = off; enable_mergejoin = off
select count(*) from u join t on t.id=u.t_id where t.k < (select avg(v) from t);
-- name: shares_par_append
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
select count(*) from part where id > (select count(*) from z);
-- name: shares_par_subplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
select count(*) from u where w > (select count(*) from t where t.id = u.t_id);
-- name: shares_par_cte
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
with a as materialized (select k, count(*) c from t group by k) select count(*) from u join a on a.k = u.w;
-- name: shares_runtime_prune
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select count(*) from part where d = (select min(d) from part);
-- name: shares_hashed_subplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select count(*) from t where id not in (select t_id from u where w=1);
-- name: shares_array_sub
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select array(select id from t where k=1), id from u where id<3;
-- name: shares_exists_sub
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select id from u where id<40 and (exists (select 1 from t where t.id=u.t_id and k=1) or w=3);
-- name: shares_memo
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: enable_hashjoin = off; enable_mergejoin = off
select count(*) from u join t on t.id=u.w;
-- name: shares_cte_nested_in_cte
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (with b as materialized (select * from t where k<9) select x.id from b x join b y using(id)) select count(*) from a, a a2 where a.id=a2.id;
-- name: shares_cte_in_init
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t) select id from u where w = (select max(v) from a) and id < (select max(id) from a) limit 5;
-- name: shares_initplan_order_limit
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select * from t order by (select max(w) from u), id limit (select count(*)+1 from z);
-- name: shares_merge_union_init
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select id from t where id = (select max(a)+4 from z) union all select t_id from u where id = (select min(id) from t);
-- name: shares_initplan_target_agg
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select k, count(*), (select sum(w) from u) from t group by k;
-- name: shares_initplan_of_initplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select count(*) from t where v > (select avg(w) from u where id > (select max(id) - 10 from t));
-- name: shares_initplan_dedup
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select count(*) from t a join t b on a.id=b.id where a.v = (select max(v) from t) and b.k = (select min(k) from t);
-- name: shares_cte_into_subquery_scan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t) select count(*) from (select * from a where k=1 offset 0) x, (select * from a where k=2 offset 0) y where x.v=y.v;
-- name: shares_temp_spill_cte
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: work_mem = 64kB
with a as materialized (select * from t) select count(*) from a x join a y using (id);
-- name: shares_lateral
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select t.id, l.* from t, lateral (select max(w) m, (select count(*) from z) c from u where u.t_id=t.id) l where t.id<10;
-- name: shares_returning_init
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
insert into z select (select max(id) from t) returning (select count(*) from u);
-- name: shares_alternative_or
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select count(*) from t where exists (select 1 from u where u.t_id=t.id) or k=2;
-- name: shares_case_lazy
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
select id, case when v=3 then (select max(w) from u) else (select min(w) from u where t_id=3) end from t where id<20;
-- name: shares_rescan_subplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off; enable_seqscan = off; enable_material = off
select * from u, lateral (select t.* from t where t.id = (select max(x.id) from t x where x.k = u.w) offset 0) l where u.id < 5;
-- name: shares_rescan_init
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off; enable_seqscan = off; enable_material = off
select * from u, lateral (select t.*, u.w from t where t.id = (select max(x.id) from t x where x.k = 3) offset 0) l where u.id < 5;
-- name: shares_rescan_inner_init
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: enable_hashjoin = off; enable_mergejoin = off; enable_memoize = off; enable_material = off
select * from z right join u on true join t on t.id = u.t_id and t.id < (select max(k)*50 from t) where u.id < 5;
-- name: shares_multi_update
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
update u set (t_id, w) = (select max(id), min(k) from t where t.id = u.t_id) where id < 6;
-- name: shares_dml_partly_read
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with d as (update u set w = 0 where id < 200 returning id) select id from d limit 3;
-- name: shares_dml_chain
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as (insert into z select id from t where k = 1 returning a), b as (delete from u where id in (select a from a) returning id) select count(*) from t where id < (select count(*) from b);
-- name: shares_dml_partly_read_deep
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with d as (update u set w = 0 where id < 200 returning id) select t.id from t where t.id = (select id from d limit 1);
-- name: shares_merge_source
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- majors: 15, 16, 17, 18
merge into u using (select id, (select max(v) from t) m from t where id < 50) s on u.id = s.id when matched then update set w = s.m;
-- name: shares_gather_init_below
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
select * from (select k, count(*) from u join t on t.id=u.t_id where u.w = (select max(v) from t) group by k) s where count > (select min(v) from t) order by 1;
-- name: shares_gather_merge_limit
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0
select * from u where w > (select min(v) from t) order by w, id limit 5;
-- name: shares_par_hash_spill
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; work_mem = 64kB
select count(*) from u a join u b on a.id = b.id;
-- name: shares_par_bitmap
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: max_parallel_workers_per_gather = 2; parallel_setup_cost = 0; parallel_tuple_cost = 0; min_parallel_table_scan_size = 0; enable_seqscan = off; enable_indexscan = off
select count(*) from u where t_id < 4000;
-- name: shares_gather_single
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: debug_parallel_query = on
-- majors: 16, 17, 18
select count(*) from u where w = (select max(v) from t);
-- name: shares_cte_filter_subplan
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t where k < 3) select count(*) from a x where exists (select 1 from a y where y.v = x.v and y.id > x.id and y.id in (select id from u where w < x.k));
-- name: shares_cte_never
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t where k < 3) select * from z join a on a.id = z.a;
-- name: shares_cte_recursive_spill
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: work_mem = 64kB
with recursive r(i) as (select 1 union all select i+1 from r where i < 20000) select count(*) from r;
-- name: shares_window_spill
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: work_mem = 64kB
select count(*) from (select count(*) over () c, id from u) x where c > id;
-- name: shares_mat_cte_spill_two
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
-- with: work_mem = 64kB
with a as materialized (select * from u), b as materialized (select * from a where w > 1) select (select count(*) from b), (select count(*) from a x join a y using (id));
-- name: shares_union_ctes
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t where k=1) select * from a union all select * from a where v=1 union all (select * from t where id = (select max(id) from a));
-- name: shares_cte_alone
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t where k < 3) select * from a where v = 1;
-- name: shares_cte_of_the_same_name
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (with a as materialized (select id from t where k < 3) select * from a where id > 5) select * from a where id < 4000;
-- name: shares_cte_pulled_by_the_initplan_of_its_reader
-- explain: ANALYZE, BUFFERS, WAL, FORMAT JSON
-- verbose: 18
with a as materialized (select * from t) select (select count(*) from a), x.id from a x where x.k = 42;
