"""Columns of text; the only importer of tabulate."""

from __future__ import annotations

from collections.abc import Sequence


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """The lines of a table with its headers; the columns ``right`` are aligned to the right."""
    from tabulate import tabulate

    aligned = ["right" if column in right else "left" for column in range(len(headers))]
    text = tabulate(rows, headers=headers, tablefmt="simple", colalign=aligned if rows else None, disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of rows whose cells stand one beneath the other."""
    from tabulate import tabulate

    return [line.rstrip() for line in tabulate(rows, tablefmt="plain", disable_numparse=True).splitlines()]
