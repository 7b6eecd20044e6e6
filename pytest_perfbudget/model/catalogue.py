"""What a database's catalogue says of its tables: sizes, statistics, columns, indexes, partitions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One key of an index: a column, or an expression as PostgreSQL writes it (``lower(email)``).

    ``descending`` and ``nulls_first`` are how the index is ordered; ``opclass`` is the operator class's name.
    """

    column: str | None
    expression: str | None = None
    opclass: str = ""
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """``method`` is the access method (``btree``, ``gin``, …); ``predicate`` that of a partial index."""

    name: str
    method: str
    keys: tuple[IndexKey, ...]
    included: tuple[str, ...] = ()
    unique: bool = False
    predicate: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table, partition, partitioned table, materialised or foreign table.

    ``pages`` are 8 kB blocks of its main file (of its partitions, for a partitioned table). ``rows`` is
    ``pg_class.reltuples``: an estimate, -1 where neither VACUUM nor ANALYZE ever ran. ``analysed`` says whether the
    planner has column statistics of it. ``columns`` are name → type, as ``format_type`` writes it. ``parent`` is the
    qualified name of the table it is a partition of, ``partition_key`` the columns and expressions of its own key.
    """

    schema: str
    name: str
    pages: int = 0
    rows: float = -1
    analysed: bool = True
    columns: Mapping[str, str] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    parent: str | None = None
    partition_key: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The tables of a database under a PostgreSQL ``major``, by qualified name (``public.orders``).

    ``visible`` maps the plain names that the search path finds to qualified ones. Compared by identity.
    """

    major: int
    tables: Mapping[str, Table]
    visible: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str | None, schema: str | None = None) -> Table | None:
        """The table of that name; without a schema the one the search path finds, else the only one of that name."""
        if not name:
            return None
        if schema:
            return self.tables.get(f"{schema}.{name}")
        if name in self.visible:
            return self.tables.get(self.visible[name])
        named = _names(self).tables[name]
        return named[0] if len(named) == 1 else None

    def index(self, name: str | None) -> tuple[Table, Index] | None:
        """The index of that name and its table; None where there is none, or several schemas have one."""
        found = _names(self).indexes[name or ""]
        return found[0] if len(found) == 1 else None

    def partitions(self, parent: Table) -> tuple[Table, ...]:
        """The leaf partitions of a table, at any depth."""
        direct = _names(self).children[parent.qualified]
        return tuple(leaf for table in direct for leaf in (self.partitions(table) if table.partition_key else (table,)))


@dataclass(slots=True)
class _Names:
    """Tables by plain name and by parent, indexes by name: a plan of thousands of partitions looks each one up."""

    tables: defaultdict[str, list[Table]] = field(default_factory=lambda: defaultdict(list))
    indexes: defaultdict[str, list[tuple[Table, Index]]] = field(default_factory=lambda: defaultdict(list))
    children: defaultdict[str, list[Table]] = field(default_factory=lambda: defaultdict(list))


@lru_cache(maxsize=8)
def _names(catalogue: Catalogue) -> _Names:
    names = _Names()
    for table in catalogue.tables.values():
        names.tables[table.name].append(table)
        for index in table.indexes:
            names.indexes[index.name].append((table, index))
        if table.parent:
            names.children[table.parent].append(table)
    return names
