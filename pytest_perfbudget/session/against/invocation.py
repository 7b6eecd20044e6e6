"""How pytest was called, as the reference is called too."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path

from pytest_perfbudget.session.against.worktree import Tree

_OF_THIS_RUN = ("PYTEST_CURRENT_TEST", "PYTEST_XDIST_", "PYTEST_VERSION", "COV_CORE_", "COVERAGE_PROCESS_")
"""What tools tell the processes of one run by the environment: the reference is a run of its own."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """``arguments`` are those of the command line but the paths; ``quiet`` switches off what other plugins would do
    there (workers, coverage). ``root`` is pytest's rootdir, ``inifile`` its configuration, ``folder`` where it was
    called. ``path`` is ``sys.path``; ``exported`` are the variables that hold our DSN. With ``caches`` pytest has a
    cache folder, which there is another one."""

    arguments: tuple[str, ...]
    quiet: tuple[str, ...]
    root: Path
    inifile: Path | None
    folder: Path
    path: tuple[str, ...]
    exported: tuple[str, ...]
    caches: bool = False

    def command(self, tree: Tree, tests: Collection[str], private: Path) -> list[str] | None:
        """pytest's arguments in the other tree; None where it has none of the files of ``tests``."""
        root = tree.mapped(self.root)
        named = dict.fromkeys(test.partition("::")[0] for test in tests)
        files = [str(root / name) for name in named if root and (root / name).is_file()]
        if root is None or not files:
            return None
        inifile = tree.mapped(self.inifile) if self.inifile else None
        ini = ["-c", str(inifile)] if inifile and inifile.is_file() else []
        ini += ["-o", f"cache_dir={private / 'cache'}"] if self.caches else []
        return [*self.arguments, *self.quiet, f"--rootdir={root}", *ini, f"--basetemp={private / 'tmp'}", *files]

    def working_folder(self, tree: Tree) -> Path:
        """Where it is called there."""
        here, root = tree.mapped(self.folder), tree.mapped(self.root)
        return next((path for path in (here, root) if path and path.is_dir()), tree.folder)

    def search_path(self, tree: Tree) -> list[str]:
        """The entries of ``sys.path`` beneath the checkout, in the other tree. Its root and its ``src`` come last: what
        is installed editably by an import hook is found there before the hook is asked."""
        found = [mapped(entry or str(self.folder), tree) for entry in self.path]
        inside = [entry for entry in found if Path(entry).is_relative_to(tree.folder)]
        root = tree.mapped(self.root) or tree.folder
        return list(dict.fromkeys([*inside, *(str(path) for path in (root, root / "src") if path.is_dir())]))

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Ours, without what belongs to this run."""
        kept = {
            name: value
            for name, value in environ.items()
            if not name.startswith(_OF_THIS_RUN) and name not in self.exported and not name.startswith("GIT_")
        }
        return kept | {"PYTHONPATH": os.pathsep.join(self._given(environ))}

    def variable(self, tree: Tree, environ: Mapping[str, str]) -> str:
        """PYTHONPATH for the programs it starts: the other tree's."""
        given = [mapped(entry, tree) for entry in self._given(environ)]
        return os.pathsep.join(dict.fromkeys([*self.search_path(tree), *given]))

    def _given(self, environ: Mapping[str, str]) -> list[str]:
        """Our own PYTHONPATH; what is relative in it is so to where we were called."""
        return [str(self.folder / entry) for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def mapped(entry: str, tree: Tree) -> str:
    """An entry of ``sys.path``, in the other tree if it is a folder of the checkout's own."""
    path = Path(entry)
    other = tree.mapped(path) if path.is_absolute() and not installed(path) else None
    return str(other) if other else entry


def installed(path: Path) -> bool:
    """Whether a file or folder belongs to the Python environment, which may be inside of the checkout."""
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    return any(path.is_relative_to(get_path(name)) for name in ("stdlib", "platstdlib"))


def without_paths(arguments: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """The command line but the files and folders on it."""
    left = list(paths)
    kept = []
    for argument in arguments:
        if argument in left:
            left.remove(argument)
        else:
            kept.append(argument)
    return tuple(kept)
