"""A debugger's stop, and what it reports on the way, as lines of text."""

from __future__ import annotations

import linecache

from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Place, Stop, TensorFacts, WatchValue

__all__ = ["place_text", "report_text", "stop_lines"]

MAX_TENSORS = 8


def stop_lines(stop: Stop) -> list[str]:
    """Why, where on the ladder, where in the source, with which tensors, and what the watches say."""
    lines = [stop.message, place_text(stop.place)]
    place = stop.place
    if place.file:
        lines.append(f"> {place.file}({place.line}){place.function}()")
        if source := linecache.getline(place.file, place.line).strip():
            lines.append(f"-> {source}")
    if stop.tensors:
        shown = ", ".join(_tensor_text(facts) for facts in stop.tensors[:MAX_TENSORS])
        more = len(stop.tensors) - MAX_TENSORS
        lines.append(f"   {shown}" + (f", and {more} more" if more > 0 else ""))
    lines += [f"   watch {_watch_text(watch)}" for watch in stop.watches]
    return [line for line in lines if line]


def place_text(place: Place) -> str:
    """ "[op 12] aten.mm.default  unet.mid_block (UNetMidBlock2D)  denoise, step 3 of 20, t = 801"."""
    parts = [f"[op {place.op_number}]" if place.op_number >= 0 else ""]
    parts.append(place.op if place.op and place.when == "after" else f"before {place.op}" if place.op else "")
    if place.module:
        parts.append(f"{place.module} ({place.module_class})" if place.module_class else place.module)
    ladder = [place.phase]
    if place.image_count > 1:
        ladder.append(f"picture {place.image_index + 1} of {place.image_count}")
    if place.step >= 0:
        ladder.append(f"step {place.step}" + (f" of {place.steps}" if place.steps else ""))
    if place.timestep is not None:
        ladder.append(f"t = {place.timestep:g}")
    if place.sigma is not None:
        ladder.append(f"sigma = {place.sigma:.4g}")
    parts.append(", ".join(part for part in ladder if part))
    return "  ".join(part for part in parts if part)


def _tensor_text(facts: TensorFacts) -> str:
    shape = ", ".join(map(str, facts.shape))
    device = "" if facts.device in ("", "cpu") else f" {facts.device}"
    return f"{facts.name} {facts.dtype}[{shape}]{device}" + (" (edited)" if facts.edited else "")


def _watch_text(watch: WatchValue) -> str:
    """A failure is a sentence, which names the expression itself."""
    return f"fails: {watch.text}" if watch.failed else f"{watch.expression} = {watch.text or watch.value}"


def report_text(report: m.DebugReport) -> str:
    """One for what is told on the way; "" where there is nothing to say."""
    match report:
        case m.Printed(text=text):
            return text.rstrip("\n")
        case m.Armed(note=note):
            return note
        case m.CaptureFailed(error=error, op_number=number):
            where = f" at op {number}" if number >= 0 else ""
            return f"*** The debugger failed{where}; the run goes on: {error.message}"
        case _:
            return ""
