"""A pytest plugin (``-p shuffle``): tests in the random order of PERFBUDGET_SHUFFLE, the same in every xdist worker."""

from __future__ import annotations

import os
import random

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    random.Random(os.environ["PERFBUDGET_SHUFFLE"]).shuffle(items)
