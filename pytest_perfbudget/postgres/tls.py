"""Encrypted connections: a throw-away certificate for a server in a container, and what a connection really has.

The certificate is of an authority made for it, which our DSNs name (``sslrootcert``) and check (``verify-ca``: the
address of a container is known when it runs, and the name in the certificate is not looked at).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfbudget.errors import ServerError

if TYPE_CHECKING:
    import psycopg

AUTHORITY = "authority.pem"
"""The file in the run's folder that clients check the server's certificate with."""

DRAWN = ("PERFBUDGET_CERTIFICATE", "PERFBUDGET_KEY")
"""Variables of the container; another pair for each."""

_FOLDER = "/perfbudget-tls"
_STARTED = f"""umask 077; mkdir -p {_FOLDER}
printf %s "$PERFBUDGET_CERTIFICATE" > {_FOLDER}/certificate.pem; printf %s "$PERFBUDGET_KEY" > {_FOLDER}/key.pem
chown -R postgres {_FOLDER}; unset PERFBUDGET_CERTIFICATE PERFBUDGET_KEY
exec docker-entrypoint.sh "$@"
"""
_SETTINGS = {"ssl": "on", "ssl_cert_file": f"{_FOLDER}/certificate.pem", "ssl_key_file": f"{_FOLDER}/key.pem"}
_USED = "select version from pg_stat_ssl where pid = pg_backend_pid() and ssl"


def certificate() -> tuple[dict[str, str], dict[str, str]]:
    """Variables for the container and files for the run's folder, PEM in both.

    Raises:
        ServerError: trustme is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise ServerError("container_tls needs trustme", remedy="pip install 'pytest-perfbudget[containers]'") from None
    authority = trustme.CA(organization_name="pytest-perfbudget")
    server = authority.issue_cert("localhost", "127.0.0.1", "::1")
    chain = "".join(blob.bytes().decode() for blob in server.cert_chain_pems)
    environ = dict(zip(DRAWN, (chain, server.private_key_pem.bytes().decode()), strict=True))
    return environ, {AUTHORITY: authority.cert_pem.bytes().decode()}


def command(postgres: tuple[str, ...]) -> tuple[str, ...]:
    """``postgres -c …`` for the image's entry point, after key and certificate have been put where only it reads."""
    settings = (word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}"))
    return ("sh", "-c", _STARTED, "sh", *postgres, *settings)


def params(folder: Path) -> dict[str, str]:
    """What a DSN says of encryption, for the container of this folder."""
    authority = folder / AUTHORITY
    return {"sslmode": "verify-ca", "sslrootcert": str(authority)} if authority.exists() else {}


def used(connection: psycopg.Connection) -> str:
    """The version of TLS a connection is encrypted with; empty for none."""
    return str((connection.execute(_USED).fetchone() or ("",))[0])
