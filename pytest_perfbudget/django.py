"""For Django's settings: the database whose DSN the plugin exports, as an entry of ``DATABASES``."""

from __future__ import annotations

import os
from typing import Any

from pytest_perfbudget.errors import SettingsError
from pytest_perfbudget.postgres import conninfo

_FIELDS = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def database(variable: str = "DATABASE_URL", **settings: Any) -> dict[str, Any]:
    """``DATABASES = {"default": pytest_perfbudget.django.database()}``; further keys (``CONN_MAX_AGE``, ``OPTIONS``, …)
    are taken over. ``variable`` is one of those that ``env`` names.

    Raises:
        SettingsError: the variable is not set.
        ServerError: its DSN cannot be read.
    """
    dsn = os.environ.get(variable)
    if not dsn:
        raise SettingsError(
            f"{variable} is not set", remedy=f'env = "{variable}" in [tool.perfbudget] has pytest-perfbudget set it'
        )
    params = conninfo.parse(dsn)
    fields = {field: params.pop(name, "") for name, field in _FIELDS.items()}
    options = {**{k: v for k, v in params.items() if k != "dbname"}, **settings.pop("OPTIONS", {})}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": params.get("dbname", ""),
        **fields,
        "OPTIONS": options,
        **settings,
    }
