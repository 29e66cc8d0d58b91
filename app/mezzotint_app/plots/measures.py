"""Numbers with their units as a person reads them: 12.3 ms, 1.2 s, 345 MiB."""

from __future__ import annotations

import math

__all__ = ["format_value", "unit_scale"]

# A larger unit from this many of it on: 1,200 ms reads better than 1.2 s beside 900 ms.
_BYTES = (
    (1024.0**4, "TiB", 1.0),
    (1024.0**3, "GiB", 1.0),
    (1024.0**2, "MiB", 1.0),
    (1024.0, "KiB", 1.0),
    (1.0, "B", 0.0),
)
_MILLISECONDS = (
    (3_600_000.0, "h", 2.0),
    (60_000.0, "min", 2.0),
    (1000.0, "s", 1.5),
    (1.0, "ms", 0.1),
    (0.001, "µs", 0.0),
)
_SECONDS = ((3600.0, "h", 2.0), (60.0, "min", 2.0), (1.0, "s", 0.0))
_LADDERS = {"bytes": _BYTES, "ms": _MILLISECONDS, "s": _SECONDS}


def unit_scale(largest: float, unit: str) -> tuple[float, str]:
    """(divisor, unit to show) that bring `largest` into a readable range."""
    ladder = _LADDERS.get(unit)
    if unit == "1/s":
        return 1.0, "/s"
    if ladder is None or not math.isfinite(largest):
        return 1.0, unit
    size = abs(largest)
    if size == 0:
        return 1.0, "B" if unit == "bytes" else unit
    return next((factor, name) for factor, name, least in ladder if size >= factor * least)


def format_value(value: float, unit: str) -> str:
    """Three significant digits and the unit that suits them; "–" where there is no number."""
    if not math.isfinite(value):
        return "–"
    divisor, name = unit_scale(value, unit)
    if value == 0:
        return f"0 {name}".strip()
    scaled = value / divisor
    size = abs(scaled)
    digits = 0 if size >= 100 or name == "B" else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 4
    text = f"{scaled:,.{digits}f}"
    return f"{text}{'' if name == '/s' else ' '}{name}" if name else text
