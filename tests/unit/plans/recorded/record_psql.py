"""Record what psql writes for one plan: ``python record_psql.py DSN`` writes ``psql/*.txt``, one per set of options.

``nodes_schema.sql`` must be loaded (``record.py DSN nodes``) and psql be on the PATH. ``plain.txt`` is the document
itself; the others hold the same one in a frame, ``two_statements.txt`` and ``session.txt`` hold it twice.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent
CONDITION = r"""name = 'a"b\c+ | one. : [ü]語  ' AND id = 3"""
EXPLAIN = f"EXPLAIN (FORMAT JSON, COSTS OFF) SELECT * FROM authors WHERE {CONDITION};"
WRAPPED = {"format": "wrapped", "columns": "37"}
MARKED = ("ascii", "unicode")


def forms() -> dict[str, dict[str, str]]:
    """Each form's settings of ``\\pset``."""
    found: dict[str, dict[str, str]] = {}
    for border, style, expanded in product("012", (*MARKED, "old-ascii"), ("off", "on")):
        name = f"border_{border}_{style}" + ("_expanded" if expanded == "on" else "")
        table = {"border": border, "linestyle": style, "expanded": expanded}
        found[name] = table
        if style in MARKED:
            found[f"{name}_wrapped"] = table | WRAPPED
    for kind in ("unaligned", "csv"):
        found[kind] = {"format": kind}
        found[f"{kind}_expanded"] = {"format": kind, "expanded": "on"}
    return found


def main(dsn: str) -> None:
    """Files of the same name are overwritten."""
    folder = HERE / "psql"
    folder.mkdir(exist_ok=True)
    texts = {name: _psql(dsn, EXPLAIN, settings) for name, settings in forms().items()}
    texts["plain"] = _psql(dsn, EXPLAIN, {"format": "unaligned", "tuples_only": "on"})
    texts["titled"] = _psql(dsn, r"\pset title 'One plan [1]'" + "\n" + EXPLAIN, {})
    texts["two_statements"] = _psql(dsn, f"{EXPLAIN}\n{EXPLAIN}", {})
    texts["session"] = _psql(dsn, f"\\timing on\nSET enable_sort = on;\n{EXPLAIN}\n\\x on\n{EXPLAIN}", {}, "--echo-all")
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)


def _psql(dsn: str, script: str, settings: dict[str, str], *options: str) -> str:
    given = [f"--pset={name}={value}" for name, value in settings.items()]
    command = ["psql", "--no-psqlrc", "--file=-", *given, *options, dsn]
    result = subprocess.run(command, input=script, capture_output=True, text=True, check=True)
    return result.stdout


if __name__ == "__main__":
    main(sys.argv[1])
