"""The facts of a plan as JSON writes them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pytest_perfbudget.model import WORK_METRICS
from pytest_perfbudget.plans.account import Account, ScanFacts

COUNTED = ("rows", "rows_removed", "loops", "buffers")
"""What ANALYZE counts of a scan."""
_EXECUTED = frozenset((*COUNTED, "inexact"))


def facts(account: Account) -> dict[str, Any]:
    """``{"total": {…}, "scans": {identifier: {…}}}``; counters stand there only where they were counted."""
    total: dict[str, Any] = {"cost": account.total.cost}
    if account.analyzed:
        total |= {name: getattr(account.total, name) for name in WORK_METRICS}
        total["inexact"] = sorted(account.total.inexact)
    return {"total": total, "scans": {name: _scan(scan, account) for name, scan in account.scans.items()}}


def _scan(scan: ScanFacts, account: Account) -> dict[str, Any]:
    return {key: value for key, value in asdict(scan).items() if account.analyzed or key not in _EXECUTED}
