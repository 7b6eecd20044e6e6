"""The script ``perfbudget``, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).parent / "perfbudget"
PLANS = Path(__file__).parent.parent / "plans"


def perfbudget(
    *words: str | Path, stdin: str = "", folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    around = os.environ | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"} | (environment or {})
    command = [str(word) for word in (SCRIPT, *words)]
    return subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", cwd=folder, env=around, check=False
    )


def shape(name: str, major: int = 18) -> Any:
    """A document of ``plans/shapes``."""
    return json.loads((PLANS / "shapes" / f"pg{major}.json").read_text())[name]


def write(folder: Path, name: str, document: Any) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return path
