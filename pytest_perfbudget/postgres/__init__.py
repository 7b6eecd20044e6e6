"""Where a server comes from: strategies behind one protocol, the profile, seeding, templates and clones."""

from pytest_perfbudget.postgres.container import Container
from pytest_perfbudget.postgres.dsn import Dsn
from pytest_perfbudget.postgres.embedded import Embedded
from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.server import Progress, Refusal, Request, Server, ServerKind

BUILTIN: tuple[ServerKind, ...] = (Container(), Embedded(), Local(), Dsn())
"""The kinds that come with the plugin, in the order ``auto`` asks them."""

__all__ = ["BUILTIN", "Progress", "Refusal", "Request", "Server", "ServerKind"]
