"""Values of settings as pg_settings counts them: ``4GB`` of a setting in 8kB is 524288."""

from __future__ import annotations

import re

_BYTES = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zA-Z]*)\s*", re.IGNORECASE)
_UNIT = re.compile(r"(\d*)([a-zA-Z]+)")
_TRUE, _FALSE = ("on", "true", "yes", "1", "t", "y"), ("off", "false", "no", "0", "f", "n")


def canonical(value: str, kind: str, unit: str | None = None) -> str | float:
    """What the server would store: ``kind`` is pg_settings' vartype, ``unit`` its unit. A value that the server would
    not take comes back as it is."""
    word = value.strip().lower()
    if kind == "bool":
        return "on" if word in _TRUE else "off" if word in _FALSE else word
    if kind not in ("integer", "real"):
        return word
    match = _NUMBER.fullmatch(value)
    if not match:
        return word
    number = float(match[1])
    if match[2] and unit:
        factor = _factor(match[2], unit)
        return word if factor is None else _rounded(number * factor, kind)
    return word if match[2] else _rounded(number, kind)


def _rounded(number: float, kind: str) -> float:
    return float(round(number)) if kind == "integer" else round(number, 9)


def _factor(given: str, unit: str) -> float | None:
    """How many of ``unit`` one of ``given`` is; None where they measure different things."""
    match = _UNIT.fullmatch(unit)
    if not match:
        return None
    count, base = int(match[1] or 1), match[2]
    for scale in (_BYTES, _SECONDS):
        if given in scale and base in scale:
            return scale[given] / (scale[base] * count)
    return None
