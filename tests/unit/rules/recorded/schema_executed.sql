-- The tables behind the plans of rules that look at an executed plan. No random source: every run counts the same.
CREATE TABLE wide (id int PRIMARY KEY, grp int NOT NULL, a text NOT NULL, b text NOT NULL);
ALTER TABLE wide ALTER a SET STORAGE PLAIN, ALTER b SET STORAGE PLAIN;
INSERT INTO wide SELECT g, g % 100, repeat('a', 1000) || g, repeat('b', 1000) || g FROM generate_series(1, 12000) g;

CREATE TABLE pairs (id int PRIMARY KEY, v int NOT NULL);
INSERT INTO pairs SELECT g, g * 7 % 401 FROM generate_series(1, 400) g;

-- Ten rows to a page, and the rows of one k on all pages.
CREATE TABLE lookup (id int PRIMARY KEY, k int NOT NULL, t timestamp NOT NULL, pad text NOT NULL);
INSERT INTO lookup SELECT g, g * 7919 % 1000, timestamp '2024-01-01' + g * interval '1 minute', repeat('p', 720)
    FROM generate_series(1, 20000) g;
CREATE INDEX lookup_k_idx ON lookup (k);
CREATE INDEX lookup_t_idx ON lookup USING brin (t) WITH (pages_per_range = 16);

-- A block range holds any k: a BRIN index answers very roughly.
CREATE TABLE scattered (k int NOT NULL, pad text NOT NULL);
INSERT INTO scattered SELECT g * 7919 % 1000, repeat('p', 320) FROM generate_series(1, 5000) g;
CREATE INDEX scattered_k_idx ON scattered USING brin (k) WITH (pages_per_range = 2);

CREATE TABLE parts (lookup_id int NOT NULL, line int NOT NULL, PRIMARY KEY (lookup_id, line));
INSERT INTO parts SELECT 1 + g / 2, g % 2 FROM generate_series(0, 39999) g;

CREATE TABLE docs (id int PRIMARY KEY, words tsvector NOT NULL);
INSERT INTO docs SELECT g, to_tsvector('simple', string_agg('w' || g * 31 * i % 997, ' '))
    FROM generate_series(1, 2000) g, generate_series(1, 200) i GROUP BY g;
CREATE INDEX docs_words_idx ON docs USING gist (words tsvector_ops (siglen = 1));

CREATE TABLE dependent (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, c int NOT NULL, d int NOT NULL);
INSERT INTO dependent SELECT g, g % 10, g % 10, g % 10, g % 10 FROM generate_series(1, 20000) g;
CREATE TABLE doubled (a int NOT NULL);
INSERT INTO doubled SELECT g / 200 FROM generate_series(1, 4000) g;
CREATE INDEX doubled_a_idx ON doubled (a);
VACUUM (ANALYZE) wide, pairs, lookup, scattered, parts, docs, dependent, doubled;

-- Never vacuumed, and half of it.
CREATE TABLE fresh (id int PRIMARY KEY);
INSERT INTO fresh SELECT g FROM generate_series(1, 1000) g;
ANALYZE fresh;
CREATE TABLE half (id int PRIMARY KEY);
INSERT INTO half SELECT g FROM generate_series(1, 226 * 4) g;
VACUUM (ANALYZE) half;
INSERT INTO half SELECT g FROM generate_series(226 * 4 + 1, 226 * 8) g;
ANALYZE half
