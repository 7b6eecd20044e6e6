"""The rows of a seed that takes no scale, several times: each copy with keys of its own, referring to its own copy.

What tells the copies apart are the columns of primary keys and unique indexes, and those that refer to them by a
foreign key: numbers are shifted, texts get ``~2`` at their end, a UUID is another one. All else is copied as it is, so
that its values are as frequent as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import SeedError
from pytest_perfbudget.postgres.catalogue import USER
from pytest_perfbudget.postgres.markers import literal, quoted
from pytest_perfbudget.postgres.seeders import Target

if TYPE_CHECKING:
    import psycopg

MOST_ROWS = 4_000_000
"""Of all tables together, the copies included: what takes about half a minute."""
REMEDY = "have the seed take scale: a parameter of its function, current_setting('perfbudget.scale', true) in SQL, or\n\
PERFBUDGET_SCALE in a command"

_OWN = "not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')"
_TABLES = f"""
select c.oid, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't' and {USER} and {_OWN} order by c.oid"""
_COLUMNS = """
select attrelid, attnum, attname, atttypid::regtype::text from pg_attribute
where attrelid = any(%s) and attnum > 0 and not attisdropped and attgenerated = '' order by attrelid, attnum"""
_UNIQUE = """
select indrelid, indkey::int2[], indnkeyatts, indexrelid::regclass::text from pg_index
where indrelid = any(%s) and indisunique order by indnkeyatts, indexrelid"""
_REFERENCES = """
select conrelid, conkey, confrelid, confkey from pg_constraint where contype = 'f' and conrelid = any(%s)"""
_UNSOUND = f"""
select n.nspname || '.' || c.relname || ' is partitioned or inherited from' from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where {USER} and (c.relkind = 'p' or exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)))
    and c.relkind in ('r', 'p')
union all
select n.nspname || '.' || c.relname || ' has an exclusion constraint' from pg_constraint x
join pg_class c on c.oid = x.conrelid join pg_namespace n on n.oid = c.relnamespace where x.contype = 'x' and {USER}
limit 1"""
_VIEWS = f"""
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and c.relispopulated and {USER} order by c.oid"""
_NUMBERS = ("smallint", "integer", "bigint", "numeric")
_TEXTS = ("text", "character varying", "citext")

Column = tuple[int, int]
"""(attrelid, attnum)"""


@dataclass(frozen=True, slots=True)
class Multiply:
    """A step of a seed: every plain table has ``factor`` times its rows afterwards."""

    factor: int
    note: str = ""

    @property
    def name(self) -> str:
        return f"its rows × {self.factor:,}"

    def contents(self) -> bytes:
        return f"multiply 1 by {self.factor}".encode()

    def run(self, target: Target) -> None:
        """Raises SeedError: the rows cannot be multiplied in a sound way."""
        import psycopg

        connection = target.connection
        if found := connection.execute(_UNSOUND).fetchone():
            raise _refused(found[0])
        tables = Tables.read(connection)
        try:
            with connection.transaction():
                connection.execute("set local session_replication_role = replica")  # rows of triggers are copied, too
                for statement in (*tables.copies(self.factor, tables.stride(connection)), *tables.sequences()):
                    connection.execute(statement.encode())
            for schema, name in connection.execute(_VIEWS).fetchall():
                connection.execute(f"REFRESH MATERIALIZED VIEW {quoted(schema)}.{quoted(name)}".encode())
        except psycopg.Error as error:
            raise _refused(error.diag.message_primary or str(error)) from None


@dataclass(slots=True)
class Tables:
    """Those of a database, by OID: names, columns as (name, type) by number, unique indexes, references between columns
    as (referring, referred to). ``keys`` are the columns that tell copies apart."""

    names: dict[int, str]
    columns: dict[int, dict[int, tuple[str, str]]]
    unique: list[tuple[int, list[int], str]]
    references: list[tuple[Column, Column]]
    keys: set[Column] = field(default_factory=set)

    @classmethod
    def read(cls, connection: psycopg.Connection) -> Tables:
        """
        Raises:
            SeedError: a unique index has no column that could tell copies apart.
        """
        rows = connection.execute(_TABLES).fetchall()
        names = {oid: f"{quoted(schema)}.{quoted(name)}" for oid, schema, name in rows}
        oids = list(names)
        columns: dict[int, dict[int, tuple[str, str]]] = {oid: {} for oid in names}
        for oid, number, name, kind in connection.execute(_COLUMNS, [oids]).fetchall():
            columns[oid][number] = (name, kind)
        unique = [(oid, list(key[:n]), name) for oid, key, n, name in connection.execute(_UNIQUE, [oids]).fetchall()]
        references = [
            ((table, column), (other, its))
            for table, own, other, theirs in connection.execute(_REFERENCES, [oids]).fetchall()
            for column, its in zip(own, theirs, strict=True)
        ]
        tables = cls(names, columns, unique, references)
        tables._choose()
        return tables

    def _choose(self) -> None:
        """Indexes of one column first: what refers to it tells copies apart in the longer ones."""
        referring = {column for column, _ in self.references}
        for oid, key, name in self.unique:
            own = [(oid, number) for number in key]
            if self.keys.intersection(own) or self._refer(own):
                continue
            able = [column for column in own if self._remapped(column, "k", 1)]
            free = [column for column in able if column not in referring]
            if not able:
                raise _refused(f"the unique index {name} has no number, text or UUID to tell copies of a row apart")
            self.keys.add((free or able)[0])
            self._spread()

    def _refer(self, own: list[Column]) -> bool:
        """Whether a column refers to what will tell copies apart: to the single column of another unique index."""
        single = {(oid, key[0]) for oid, key, _ in self.unique if len(key) == 1}
        return any(column in own and other in single and other not in own for column, other in self.references)

    def _spread(self) -> None:
        """To the columns on either side of a foreign key, until none is left."""
        more = True
        while more:
            found = {a for pair in self.references for a, b in (pair, pair[::-1]) if b in self.keys} - self.keys
            self.keys |= found
            more = bool(found)

    def _remapped(self, column: Column, copy: str, stride: int) -> str:
        """The column's value in a copy, as SQL; empty for a type that cannot be remapped."""
        name, kind = self.columns[column[0]].get(column[1], ("", ""))
        value = f"t.{quoted(name)}"
        if kind in _NUMBERS:
            return f"{value} + ({copy} * {stride})::{kind}"
        if kind in _TEXTS:
            return f"{value} || '~' || {copy}"
        return f"md5({value}::text || '~' || {copy})::uuid" if kind == "uuid" else ""

    def stride(self, connection: psycopg.Connection) -> int:
        """By how much numbers are shifted from one copy to the next: more than any of them spans. One for all, so that
        references stay right.

        Raises:
            SeedError: there are too many rows.
        """
        spans = [1]
        for oid, number in sorted(self.keys):
            name, kind = self.columns[oid][number]
            if kind in _NUMBERS:
                query = (
                    f"select coalesce(max({quoted(name)}) - min({quoted(name)}), 0)::bigint + 1 from {self.names[oid]}"
                )
                spans += [row[0] for row in connection.execute(query.encode()).fetchall()]
        return max(spans)

    def copies(self, factor: int, stride: int) -> Iterator[str]:
        """The statements that make them, copy after copy in the order of the rows."""
        for oid, name in self.names.items():
            columns = self.columns[oid]
            if not columns:
                continue
            values = [
                self._remapped((oid, number), "k", stride) if (oid, number) in self.keys else f"t.{quoted(column)}"
                for number, (column, _) in columns.items()
            ]
            names = ", ".join(quoted(column) for column, _ in columns.values())
            yield (
                f"INSERT INTO {name} ({names}) OVERRIDING SYSTEM VALUE SELECT {', '.join(values)} "
                f"FROM generate_series(1, {factor - 1}) k, {name} t ORDER BY k, t.ctid"
            )

    def sequences(self) -> Iterator[str]:
        """The statements that have them go on after the copies."""
        for oid, number in sorted(self.keys):
            name, kind = self.columns[oid][number]
            if kind in _NUMBERS:
                owned = f"pg_get_serial_sequence({literal(self.names[oid])}, {literal(name)})"
                yield (
                    f"SELECT setval(s, m) FROM (SELECT {owned} s, max({quoted(name)})::bigint m "
                    f"FROM {self.names[oid]}) x WHERE s IS NOT NULL AND m > 0"
                )


def factors(rows: Mapping[str, int], sizes: tuple[int, ...], least: float) -> tuple[int, ...]:
    """How many times a database of these ``rows`` its largest table has about ``sizes``: from the first of them that it
    does not exceed to the last, or to ``least`` times what is there.

    Raises:
        SeedError: there is no row, or there would be too many.
    """
    largest = max(rows.values(), default=0)
    if not largest:
        raise _refused("it makes no rows")
    first = max(1.0, sizes[0] / largest)
    ratio = max(least, sizes[-1] / largest / first)
    found = sorted({round(first * ratio ** (i / (len(sizes) - 1))) for i in range(len(sizes))})
    total = sum(count for name, count in rows.items() if "." in name)
    if total * found[-1] > MOST_ROWS:
        raise _refused(f"{found[-1]} times its {total:,} rows are more than {MOST_ROWS:,}")
    return tuple(found)


def _refused(why: str) -> SeedError:
    return SeedError(f"the rows of the seed cannot be multiplied: {why}", remedy=REMEDY)
