-- For a server whose pg_jit_available() is true.
CREATE TABLE compiled (id int, v int);
INSERT INTO compiled SELECT g, g % 7 FROM generate_series(1, 20000) g;
ANALYZE compiled
