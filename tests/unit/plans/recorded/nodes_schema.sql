-- The tables behind nodes.sql: few rows, so that the recorded plans are small. No random source.
CREATE TABLE authors (id int PRIMARY KEY, name text NOT NULL, country text NOT NULL);
CREATE TABLE books (
    id int PRIMARY KEY, author int NOT NULL, price int NOT NULL, title text NOT NULL, cover text DEFAULT repeat('c', 400)
);
CREATE TABLE places (id int PRIMARY KEY, spot point NOT NULL, notes xml);
CREATE TABLE sales (book int NOT NULL, day date NOT NULL, copies int NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE sales_q1 PARTITION OF sales FOR VALUES FROM ('2024-01-01') TO ('2024-04-01');
CREATE TABLE sales_q2 PARTITION OF sales FOR VALUES FROM ('2024-04-01') TO ('2024-07-01');
CREATE TABLE wishes (book int PRIMARY KEY, copies int NOT NULL);

INSERT INTO authors SELECT g, 'author ' || g, (ARRAY['de', 'fr', 'it', 'es'])[1 + g % 4] FROM generate_series(1, 200) g;
INSERT INTO books SELECT g, 1 + (g * 7919) % 210, g % 97, 'title ' || g FROM generate_series(1, 3000) g;
INSERT INTO places SELECT g, point(g % 40, g / 40) FROM generate_series(1, 1200) g;
INSERT INTO sales SELECT 1 + g % 3000, date '2024-01-01' + g % 180, 1 + g % 5 FROM generate_series(1, 4000) g;
INSERT INTO wishes SELECT g, 1 FROM generate_series(1, 50) g;

CREATE INDEX books_author_idx ON books (author);
CREATE INDEX books_price_idx ON books (price);
CREATE INDEX places_spot_idx ON places USING gist (spot);
CREATE INDEX sales_day_idx ON sales (day);
CREATE FUNCTION count_added() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM count(*) FROM added WHERE copies > 0; RETURN NULL; END$$;
CREATE TRIGGER wishes_added AFTER INSERT ON wishes REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_added();

CREATE EXTENSION tsm_system_rows;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE motd (line text) SERVER files OPTIONS (program 'echo welcome', format 'text');
CREATE EXTENSION postgres_fdw;
DO $$BEGIN
    EXECUTE format(
        'CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L, async_capable ''true'')',
        coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ', ', 1)),
        current_setting('port'), current_database()); END$$;
CREATE USER MAPPING FOR CURRENT_USER SERVER itself;
CREATE FOREIGN TABLE far_books (id int, author int, price int, title text) SERVER itself OPTIONS (table_name 'books');
CREATE FOREIGN TABLE far_authors (id int, name text, country text) SERVER itself OPTIONS (table_name 'authors');
CREATE TABLE far_sales (book int NOT NULL, day date NOT NULL, copies int NOT NULL) PARTITION BY RANGE (day);
CREATE FOREIGN TABLE far_sales_q1 PARTITION OF far_sales FOR VALUES FROM ('2024-01-01') TO ('2024-04-01')
    SERVER itself OPTIONS (table_name 'sales_q1');
CREATE FOREIGN TABLE far_sales_q2 PARTITION OF far_sales FOR VALUES FROM ('2024-04-01') TO ('2024-07-01')
    SERVER itself OPTIONS (table_name 'sales_q2');
VACUUM (ANALYZE) authors, books, places, sales, wishes;
ANALYZE far_books;
ANALYZE far_authors;
