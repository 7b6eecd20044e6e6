-- The tables behind the recorded plans. No random source: every run plans and counts the same.
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, country text NOT NULL);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status text NOT NULL,
    placed timestamptz NOT NULL, total numeric(10, 2) NOT NULL, note varchar(40)
);
CREATE TABLE items (order_id int NOT NULL, line int NOT NULL, sku text NOT NULL, qty int NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE events (id int NOT NULL, happened date NOT NULL, kind text NOT NULL) PARTITION BY RANGE (happened);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

INSERT INTO customers SELECT g, 'customer ' || g, (ARRAY['de', 'fr', 'it', 'es'])[1 + g % 4] FROM generate_series(1, 2000) g;
INSERT INTO orders SELECT g, 1 + (g * 7919) % 2000, CASE WHEN g % 50 = 0 THEN 'open' ELSE 'done' END,
    timestamptz '2024-01-01 00:00+00' + g * interval '10 minutes', g % 1000, 'n' || g FROM generate_series(1, 40000) g;
INSERT INTO items SELECT g / 2, g % 2, 'sku' || g % 500, 1 + g % 9 FROM generate_series(2, 80001) g;
INSERT INTO events SELECT g, date '2024-01-01' + g % 730, 'k' || g % 5 FROM generate_series(1, 20000) g;

CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE INDEX orders_placed_idx ON orders (placed);
CREATE INDEX orders_status_placed_idx ON orders (status, placed);
CREATE INDEX items_sku_idx ON items (sku, qty);
CREATE INDEX events_2024_happened_idx ON events_2024 (happened);
VACUUM (ANALYZE) customers, orders, items, events;
