-- The tables behind the plans of rules that look at an executed plan. No random source: every run counts the same.
CREATE TABLE wide (id int PRIMARY KEY, grp int NOT NULL, a text NOT NULL, b text NOT NULL);
INSERT INTO wide SELECT g, g % 100, repeat('a', 600) || g, repeat('b', 600) || g FROM generate_series(1, 12000) g;
VACUUM (ANALYZE) wide;
