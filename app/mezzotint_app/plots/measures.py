"""Numbers with their units as a person reads them: 12.3 ms, 1.2 s, 345 MiB."""

from __future__ import annotations

import math

__all__ = ["format_value", "unit_scale"]

_BYTES = ((1024.0**4, "TiB"), (1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B"))
_SECONDS = ((60_000.0, "min"), (1000.0, "s"), (1.0, "ms"), (0.001, "µs"))  # in milliseconds


def unit_scale(largest: float, unit: str) -> tuple[float, str]:
    """(divisor, unit to show) that bring `largest` into a readable range."""
    ladder = {"bytes": _BYTES, "ms": _SECONDS}.get(unit)
    if ladder is None or not math.isfinite(largest):
        return 1.0, unit
    size = abs(largest)
    # a step up only from 1.5 of the larger unit on: 1200 ms reads better than 1.2 s beside 900 ms
    for factor, name in ladder:
        if size >= factor * (1.5 if unit == "ms" and factor > 1 else 1.0):
            return factor, name
    return ladder[-1] if unit == "bytes" else (1.0, unit)


def format_value(value: float, unit: str) -> str:
    """Three significant digits and the unit that suits them; "–" where there is no number."""
    if not math.isfinite(value):
        return "–"
    divisor, name = unit_scale(value, unit)
    scaled = value / divisor
    digits = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
    text = f"{scaled:,.{digits}f}"
    return f"{text} {name}" if name else text
