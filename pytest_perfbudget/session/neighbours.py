"""Who else works on the machine."""

from __future__ import annotations

from pytest_perfbudget.postgres.neighbours import Neighbours
from pytest_perfbudget.session.place import Place


def neighbours(place: Place) -> Neighbours:
    """Of this process and of what the server does for its database."""
    admin = place.server.admin.info
    return Neighbours(admin.backend_pid, admin.dbname, place.database)
