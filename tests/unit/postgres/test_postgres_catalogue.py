"""What a partition is a part of, as the catalogue says it."""

from __future__ import annotations

from pytest_perfbudget.postgres import Server, catalogue

SQL = """
CREATE SCHEMA old;
CREATE TABLE events (id int, at int, kind int) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM (0) TO (100) PARTITION BY LIST (kind);
CREATE TABLE old."Sales" PARTITION OF events_2024 FOR VALUES IN (1);
CREATE INDEX events_id ON events (id);
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
"""


def test_every_part_names_all_it_is_a_part_of_the_nearest_first(server: Server) -> None:
    server.admin.execute("DROP DATABASE IF EXISTS parts")
    server.admin.execute("CREATE DATABASE parts")
    with server.connect("parts") as connection:
        connection.execute(SQL)
        found = catalogue.ancestors(connection)
    above = (("public", "events_2024"), ("public", "events"))
    assert found["old.Sales"] == above
    assert "Sales" not in found  # the search path does not find it
    assert found["events_2024"] == found["public.events_2024"] == (("public", "events"),)
    assert found["child"] == (("public", "parent"),)
    assert found["old.Sales_id_idx"] == (("public", "events_2024_id_idx"), ("public", "events_id"))
    assert "events" not in found
