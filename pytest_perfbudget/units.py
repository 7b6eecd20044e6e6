"""Numbers with units: read from what users write, printed the way the field prints them."""

from __future__ import annotations

import re

_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s|min)\s*$")
_PERCENT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*%\s*$")

_BYTES = {"b": 1, "bytes": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(bytes|B|kB|MB|GB)\s*$", re.IGNORECASE)

SIZE_FORMS = '"64 MB", "512 kB", "1.5 GB", "800 bytes"'
DURATION_FORMS = '"5 ms", "800 us", "1.5 s", "2 min"'


def seconds(text: str) -> float:
    """``"5 ms"`` → 0.005.

    Raises:
        ValueError: the text is not a number with one of the units us, ms, s, min.
    """
    match = _DURATION.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a duration")
    return float(match[1]) * _SECONDS[match[2]]


def ratio(text: str) -> float:
    """``"10%"`` → 0.1.

    Raises:
        ValueError: the text is not a number with a percent sign.
    """
    match = _PERCENT.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a percentage")
    return float(match[1]) / 100


def size(text: str) -> float:
    """``"64 MB"`` → 67108864, by 1024s as PostgreSQL counts.

    Raises:
        ValueError: the text is not a number with one of the units B, bytes, kB, MB, GB.
    """
    match = _SIZE.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a size")
    return float(match[1]) * _BYTES[match[2].lower()]


def format_seconds(value: float) -> str:
    """0.0418 → ``"41.8 ms"``: three significant digits, in the largest unit that keeps them above 1."""
    for limit, scale, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{_three(value * scale)} {unit}"
    return f"{_three(value)} s"


def format_bytes(value: float) -> str:
    """178257920 → ``"170 MB"``, by 1024s as PostgreSQL counts; whole where it is above 10 of its unit."""
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1024 and len(units) > 1:
        value, _ = value / 1024, units.pop(0)
    return f"{_three(value)} {units[0]}"


def _three(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    text = f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


def format_count(value: float) -> str:
    """2170 → ``"2,170"``; costs keep their two decimals."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def format_measure(value: float, unit: str) -> str:
    """A number in its unit, as every reader shows it: seconds ``"s"``, a share ``"%"``, bytes ``"B"``, a rate
    ``"calls/s"``, or what is counted."""
    if unit == "%":
        return f"{value * 100:.1f}".removesuffix(".0") + "%"
    if unit == "B":
        return format_bytes(value)
    if unit == "calls/s":
        return f"{_three(value)} {unit}"
    return format_seconds(value) if unit == "s" else format_count(value)
