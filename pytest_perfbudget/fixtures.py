"""For conftests: ``orders_db = perf_db_factory(seed=["orders.sql"], scope="module")``."""

from pytest_perfbudget.plugin.factories import perf_db_factory

__all__ = ["perf_db_factory"]
