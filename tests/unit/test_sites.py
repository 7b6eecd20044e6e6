from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import psycopg

from pytest_perfbudget.sites import call_site

HERE = Path(__file__)


def test_the_line_that_asks_relative_to_the_root() -> None:
    at = sys._getframe().f_lineno + 1
    site = call_site(root=str(HERE.parent))
    assert site is not None
    assert (site.file, site.line) == (HERE.name, at)
    assert site.function == "test_the_line_that_asks_relative_to_the_root"


def test_outside_the_root_the_path_is_whole(tmp_path: Path) -> None:
    site = call_site(root=str(tmp_path))
    assert site is not None
    assert site.file == str(HERE)


def test_skip_leaves_out_frames_of_the_users() -> None:
    def asked() -> object:
        return call_site(1, str(HERE.parent))

    assert asked().function == "test_skip_leaves_out_frames_of_the_users"  # type: ignore[attr-defined]


def test_the_standard_library_is_not_the_user() -> None:
    class Asking(json.JSONEncoder):
        def default(self, o: object) -> object:
            return repr(call_site(1))

    assert "test_the_standard_library_is_not_the_user" in Asking().encode(object())


def test_a_comprehension_is_its_function() -> None:
    (site,) = [call_site() for _ in range(1)]
    assert site is not None
    assert site.function == "test_a_comprehension_is_its_function"


def test_a_function_without_a_name_is_that_of_whoever_calls_it() -> None:
    ask = lambda: call_site(root=str(HERE.parent))  # noqa: E731

    def first() -> object:
        return ask()

    def second() -> object:
        return [ask() for _ in range(1)][0]  # noqa: RUF015  # through another frame without a name

    here = ask()
    for _ in range(3):
        seen = [site.function for site in (first(), second(), ask()) if site]  # type: ignore[attr-defined]
        assert seen == ["first", "second", here.function if here else ""]
    assert first() is first()


def test_one_line_is_one_object() -> None:
    first, second = (call_site() for _ in range(2))
    assert first is second


def from_file(filename: str) -> str:
    """The site of code that claims to come from ``filename``, with nothing of the user's above it."""
    import threading

    found: list[object] = []
    code = compile("def ask():\n    found.append(call_site())\n", filename, "exec")
    scope = {"found": found, "call_site": call_site}
    exec(code, scope)
    thread = threading.Thread(target=functools.partial(scope["ask"]))  # type: ignore[arg-type]
    thread.start()
    thread.join()
    return str(found[0])


def test_where_all_is_library_code_the_frame_that_called_the_driver() -> None:
    installed = "/somewhere/site-packages/orm/query.py"
    assert from_file(installed) == f"{installed}:2"


def test_the_driver_itself_is_never_the_site() -> None:
    driver = str(Path(psycopg.__file__).parent / "cursor.py")
    assert from_file(driver).split(":")[0].endswith("threading.py")
