-- Small tables: what matters is which node reads them, and when.
create table t (id int primary key, k int, v int, pad text);
insert into t select g, g%100, g%7, repeat('x', 50) from generate_series(1,5000) g;
create table u (id int primary key, t_id int, w int);
insert into u select g, 1+g%5000, g%13 from generate_series(1,20000) g;
create index u_t on u(t_id);
create table z (a int); 
create table part (id int, d int) partition by range (d);
create table part1 partition of part for values from (0) to (100);
create table part2 partition of part for values from (100) to (200);
insert into part select g, g%200 from generate_series(1,10000) g;
vacuum analyze t, u, z, part;
