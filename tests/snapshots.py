"""Words compared with text files kept beside the tests."""

from __future__ import annotations

import os
from pathlib import Path


def matches(path: Path, text: str) -> None:
    """Fail unless ``path`` holds ``text`` exactly; ``PERFBUDGET_SNAPSHOT=update`` writes it instead."""
    written = text.rstrip("\n") + "\n"
    if os.environ.get("PERFBUDGET_SNAPSHOT") == "update":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written.encode())
        return
    assert path.exists(), f"no snapshot {path}; write it: PERFBUDGET_SNAPSHOT=update pytest {path.parent.parent}"
    assert written == path.read_bytes().decode()
