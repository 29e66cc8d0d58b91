"""The levels of the ladder as a person reads them."""

from __future__ import annotations

from mezzotint_sdk.debug_records import Level, Place

__all__ = ["LEVEL_TITLES", "place_texts"]

LEVEL_TITLES: dict[Level, str] = {
    "op": "Op",
    "module": "Module",
    "phase": "Phase",
    "step": "Step",
    "run": "Run",
    "line": "Line",
}


def place_texts(place: Place) -> dict[Level, str]:
    """Where a place lies on each level, from far to near; only the levels that it has."""
    texts: dict[Level, str] = {"run": "Run"}
    if place.image_count > 1:
        texts["run"] = f"Picture {place.image_index + 1} of {place.image_count}"
    if place.step >= 0:
        step = f"Step {place.step + 1}" + (f" of {place.steps}" if place.steps else "")
        facts = []
        if place.timestep is not None:
            facts.append(f"t {place.timestep:.4g}")
        if place.sigma is not None:
            facts.append(f"σ {place.sigma:.4g}")
        texts["step"] = "  ".join([step, *facts])
    if place.phase:
        texts["phase"] = place.phase
    if place.module:
        texts["module"] = place.module
    if place.op:
        texts["op"] = place.op if place.op_number < 0 else f"{place.op}  #{place.op_number:,}"
    return texts
