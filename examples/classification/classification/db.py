"""Where the service finds its database."""

from __future__ import annotations

import os

import psycopg


def connect() -> psycopg.Connection:
    """A connection to the database that ``DATABASE_URL`` names.

    Raises:
        KeyError: ``DATABASE_URL`` is not set.
        psycopg.OperationalError: the server cannot be reached.
    """
    return psycopg.connect(os.environ["DATABASE_URL"])
