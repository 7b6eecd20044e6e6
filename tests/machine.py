"""What this machine has for the tests: majors of PostgreSQL in the folders of ``PERFBUDGET_LOCAL``, on PATH or in the
usual places, and container images. What it has not is said in pytest's header, and skipped with the reason."""

from __future__ import annotations

import os
from functools import cache

import pytest

from pytest_perfbudget.postgres.local import Local
from pytest_perfbudget.postgres.server import Request
from pytest_perfbudget.processes import engine

MAJORS = (14, 15, 16, 17, 18)
IMAGES = ("postgres:18", "postgres:15", "redis:7")
FOLDERS = tuple(part for part in os.environ.get("PERFBUDGET_LOCAL", "").split(os.pathsep) if part)


@cache
def no_major(major: int) -> str:
    """Why this major cannot be had from programs of the machine; empty if it can."""
    return str(Local().refusal(Request("machine", major=major, local=FOLDERS)) or "")


@cache
def no_image(image: str) -> str:
    """Why no container of this image can be had; empty if one can."""
    return str(engine.refusal(image, pull=False) or "")


def each_major() -> list[object]:
    """Parameters; those that cannot be had are skipped."""
    return [
        pytest.param(major, marks=pytest.mark.skipif(bool(no_major(major)), reason=no_major(major)), id=f"pg{major}")
        for major in MAJORS
    ]


def needs_image(image: str) -> pytest.MarkDecorator:
    """Of a test that starts a container."""
    return pytest.mark.skipif(bool(no_image(image)), reason=no_image(image))


def header() -> list[str]:
    """What is missing, a line each."""
    missing = [f"PostgreSQL {major}: {no_major(major)}" for major in MAJORS if no_major(major)]
    missing += [f"container {image}: {no_image(image)}" for image in IMAGES if no_image(image)]
    return [f"tests skipped for want of {line}" for line in missing]
