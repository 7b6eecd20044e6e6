"""Connection strings: read, written as URLs, shown without their password."""

from __future__ import annotations

import re
import selectors
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_perfbudget.errors import ServerError

if TYPE_CHECKING:
    import psycopg

_SECRETS = ("password", "passfile", "sslpassword")
_IN_URL = re.compile(r"(?P<head>\bpostgres(?:ql)?://[^\s:/@]*:)\S*(?=@)")
_IN_PAIRS = re.compile(r"(?P<head>\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]+)")


IMPATIENT = {"connect_timeout": "2"}
"""Parameters of a connection to what may be a server that has not started yet, or no PostgreSQL at all."""


def parse(dsn: str) -> dict[str, str]:
    """The parameters of a URL or of ``key=value`` pairs.

    Raises:
        ServerError: libpq cannot read it; libpq's own message is left out, as it can quote the password.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        params = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
    except ProgrammingError:
        params = {"port": "?"}
    ports = params.get("port", "").split(",")  # a password with / ends as the port, one with @ as the host
    host = params.get("host", "")
    if not all(port.isdigit() or not port for port in ports) or ("@" in host and not host.startswith(("/", "@/"))):
        raise ServerError(
            "the DSN cannot be read (it is not shown, as it may hold a password)",
            remedy="write postgresql://user:password@host:port/database\n"
            "and percent-encode @ : / ? # % and spaces in user and password (@ is %40)",
        )
    return params


def url(params: Mapping[str, str], database: str) -> str:
    """The URL of ``database``; a host that is a folder or a list goes into the query, where every driver looks."""
    rest = {key: value for key, value in params.items() if key not in ("user", "password", "dbname") and value}
    host, port = rest.get("host", ""), rest.get("port", "")
    place = ""
    if host and not re.search(r"[/,@]", host) and "," not in port:
        place = f"[{host}]" if ":" in host else quote(host, safe="")
        place += f":{port}" if port else ""
        rest = {key: value for key, value in rest.items() if key not in ("host", "port")}
    who = quote(params.get("user", ""), safe="")
    who += ":" + quote(params["password"], safe="") if params.get("password") else ""
    query = "&".join(f"{key}={quote(value, safe='/')}" for key, value in rest.items())
    at = f"{who}@" if who else ""
    return f"postgresql://{at}{place}/{quote(database, safe='')}" + (f"?{query}" if query else "")


def redact(text: str, params: Mapping[str, str] | None = None) -> str:
    """The text with every password in it replaced by ``***``; ``params`` name further ones to look for."""
    for key in _SECRETS if params else ():
        if secret := (params or {}).get(key):
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
    return _IN_PAIRS.sub(r"\g<head>***", _IN_URL.sub(r"\g<head>***", text))


def connect(dsn: str, *, options: str = "") -> psycopg.Connection:
    """An autocommit connection of ours; ``options`` are added to the DSN's.

    Raises:
        ServerError: the server refuses or cannot be reached; the text carries no password.
    """
    import psycopg
    from psycopg.conninfo import make_conninfo

    params = parse(dsn)
    both = " ".join(filter(None, [params.get("options", ""), options]))
    ours = {"application_name": "perfbudget", "client_encoding": "UTF8", "options": both}
    try:
        return psycopg.connect(make_conninfo(dsn, **{k: v for k, v in ours.items() if v}), autocommit=True)
    except psycopg.OperationalError as error:
        raise ServerError(
            f"PostgreSQL at {redact(dsn, params)} refuses: {redact(str(error), params).strip()}",
            remedy="check host, port, user, password and database of the DSN",
        ) from None


def interrupted(connection: psycopg.Connection) -> bool:
    """Whether a signal ended our waiting for a command: its answer is still to come, and nothing else can be asked."""
    from psycopg.pq import PipelineStatus, TransactionStatus

    busy = connection.info.transaction_status == TransactionStatus.ACTIVE
    return busy or connection.info.pipeline_status != PipelineStatus.OFF


def lost(connection: psycopg.Connection) -> bool:
    """Whether the server has ended an idle connection: a test that ends all sessions, a restart, a network that lost
    patience. Nothing is sent; libpq notes the end only when it reads."""
    import psycopg

    if connection.closed:
        return True
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            while selector.select(0):  # the reason first, then the end
                connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return False
