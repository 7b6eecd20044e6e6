"""One locale for every kind of server: ``LIKE 'abc%'`` is planned by it."""

from __future__ import annotations

from pytest_perfbudget.postgres.markers import literal
from pytest_perfbudget.postgres.server import LOCALE, Server

_BUILTIN_SINCE = 17


def locale_clause(server: Server) -> str:
    """Of CREATE DATABASE … TEMPLATE template0: PostgreSQL's own C.UTF-8 where it has one, else the libc's."""
    if server.locale == LOCALE and server.major >= _BUILTIN_SINCE:
        return f"ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE {literal(LOCALE)} LC_COLLATE 'C' LC_CTYPE 'C'"
    provider = " LOCALE_PROVIDER libc" if server.major >= 15 else ""
    name = literal(server.locale)
    return f"ENCODING 'UTF8'{provider} LC_COLLATE {name} LC_CTYPE {name}"


def initdb_locale(major: int) -> list[str]:
    """The same for the databases a new cluster begins with."""
    if major >= _BUILTIN_SINCE:
        return ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", f"--builtin-locale={LOCALE}"]
    return ["--encoding=UTF8", f"--locale={LOCALE}"]
