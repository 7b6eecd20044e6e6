"""Which kind of server a run gets, and why the others were passed over."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_perfbudget.errors import ServerError
from pytest_perfbudget.postgres.dsn import is_dsn
from pytest_perfbudget.postgres.server import Refusal, Request, Server, ServerKind


def choose(kinds: Sequence[ServerKind], request: Request) -> Server:
    """The server of the kind that was named; for ``auto`` the first kind that offers one.

    Raises:
        ServerError: no kind of that name, or none offers a server; every reason is listed.
    """
    refusals = []
    for kind in _candidates(kinds, request.server):
        offered = kind.offer(request)
        if not isinstance(offered, Refusal):
            return offered
        remedy = f" ({offered.remedy})" if offered.remedy else ""
        refusals.append(f"{kind.name}: {offered.reason}{remedy}")
    wanted = f"PostgreSQL {request.major}" if request.major else "PostgreSQL"
    raise ServerError(f"no server of kind {request.server} for {wanted}", remedy="\n".join(refusals))


def _candidates(kinds: Sequence[ServerKind], named: str) -> Sequence[ServerKind]:
    """A DSN goes to the kind ``dsn`` alone; ``auto`` never takes a server that nobody named."""
    if named == "auto":
        return [kind for kind in kinds if kind.name != "dsn"]
    name = "dsn" if is_dsn(named) else named
    chosen = [kind for kind in kinds if kind.name == name]
    if not chosen:
        known = ", ".join(["auto", *(kind.name for kind in kinds if kind.name != "dsn")])
        raise ServerError(f"--perf-server={named}: no such kind of server", remedy=f"give {known} or a DSN")
    return chosen
