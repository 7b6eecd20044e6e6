"""Rows of a CSV file, loaded by COPY."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_perfbudget.errors import At, SeedError
from pytest_perfbudget.postgres.copy import CopyError, copy_rows
from pytest_perfbudget.postgres.markers import literal, quoted
from pytest_perfbudget.postgres.seeders.step import Entry, Project, Target, fields, read_file, unpacked

_KEYS = {"csv": str, "table": str, "header": bool, "delimiter": str, "null": str}
_NO_DELIMITER = '"\r\n'
_LINE = re.compile(r"^COPY .*?, line (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CsvFile:
    """``{ csv = "data/orders.csv", table = "orders" }``. With a header, the default, its names are the columns, in
    the file's order; ``.gz`` is unpacked."""

    path: Path
    table: str
    header: bool = True
    delimiter: str = ","
    null: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        return str(self.path)

    def contents(self) -> bytes:
        """Raises SeedError: the file cannot be read."""
        how = json.dumps([self.table, self.header, self.delimiter, self.null])
        return how.encode() + b"\0" + read_file(self.path)

    def run(self, target: Target) -> None:
        """Raises SeedError with the line of the row that failed."""
        rows = unpacked(self.path, read_file(self.path))
        try:
            copy_rows(target.connection, self._command(rows), rows, target.advance)
        except CopyError as failed:
            line = _LINE.search(failed.context)
            words = "\n".join(filter(None, [failed.detail, failed.context]))
            raise self._error(failed.what, int(line[1]) if line else 0, words) from None

    def _command(self, rows: bytes) -> str:
        table = ".".join(quoted(part) for part in self.table.split("."))
        columns = f"({', '.join(map(quoted, self._columns(rows)))})" if self.header else ""
        options = f"FORMAT csv, HEADER {str(self.header).lower()}, DELIMITER {literal(self.delimiter)}"
        return f"COPY {table} {columns} FROM STDIN ({options}, NULL {literal(self.null)})"

    def _columns(self, rows: bytes) -> list[str]:
        first = rows[: rows.find(b"\n") + 1 or None]
        try:
            text = first.decode("utf-8-sig").strip("\r\n")
        except UnicodeDecodeError:
            raise self._error("is not UTF-8", 1, "save the file as UTF-8") from None
        names = next(csv.reader([text], delimiter=self.delimiter), [])
        if not names or not all(names):
            raise self._error("the header does not name every column", 1, "without a header say header = false")
        return names

    def _error(self, what: str, line: int, remedy: str) -> SeedError:
        return SeedError(f"the seed of {self.table} failed: {what}", at=At(str(self.path), line), remedy=remedy)


class Csv:
    """Tables with the key ``csv``."""

    name = "csv"

    def step(self, entry: Entry, project: Project) -> CsvFile | None:
        found: dict[str, Any] | None = fields(entry, "csv", _KEYS)
        if found is None:
            return None
        if not found.get("table"):
            raise SeedError(f"the seed {found['csv']} names no table", remedy='add table = "orders"')
        delimiter = found.get("delimiter", ",")
        if len(delimiter) != 1 or delimiter in _NO_DELIMITER:
            raise SeedError(
                f"the seed {found['csv']} cannot be cut at the delimiter {delimiter!r}",
                remedy='give one character, such as delimiter = ";"',
            )
        path = project.root / found.pop("csv")
        return CsvFile(path, **found)
