"""Where on the ladder a run is: picture, phase, sampler step. Written by the job's thread, read by all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mezzotint_engine.opdebug.capture import OpEvent
from mezzotint_engine.opdebug.module_stack import ModuleInfo
from mezzotint_engine.opdebug.op_sites import op_name
from mezzotint_engine.opdebug.source_places import line_of
from mezzotint_sdk import phases
from mezzotint_sdk.debug_records import Place
from mezzotint_sdk.trace_records import LadderMark

__all__ = ["Ladder", "place_text"]


# The phases of a picture that lie before and after its sampler steps. Those of training lie in an iteration.
OUTSIDE_OF_STEPS = frozenset({phases.LOAD, phases.ENCODE, phases.DECODE, phases.SAVE})


class Ladder:
    """`on_change` is called after each move within a picture, with the mark that ops belong to from then on,
    and `on_picture` when another one begins."""

    def __init__(
        self,
        on_change: Callable[[LadderMark], None],
        on_picture: Callable[[LadderMark], None] = lambda mark: None,
    ) -> None:
        self._on_change = on_change
        self._on_picture = on_picture
        self.phase = ""
        self.step, self.steps = -1, 0
        self.image, self.images = 0, 1
        self.timestep: float | None = None
        self.sigma: float | None = None
        self.latent: Any = None  # the current latents, as the sampler has them

    def enter_phase(self, name: str) -> None:
        if name == self.phase:
            return
        self.phase = name
        if name in OUTSIDE_OF_STEPS:
            self.step, self.timestep, self.sigma = -1, None, None
        self._on_change(self.mark())

    def enter_step(
        self,
        step: int,
        steps: int,
        timestep: float | None = None,
        sigma: float | None = None,
        latent: Any = None,
    ) -> None:
        self.step, self.steps, self.timestep, self.sigma = step, steps, timestep, sigma
        self.latent = latent
        self._on_change(self.mark())

    def enter_picture(self, image: int, images: int) -> None:
        self.image, self.images = image, images
        self.phase = ""
        self.step, self.timestep, self.sigma, self.latent = -1, None, None, None
        self._on_picture(self.mark())

    def mark(self) -> LadderMark:
        return LadderMark(
            image=self.image,
            phase=self.phase,
            step=self.step,
            steps=self.steps,
            timestep=self.timestep,
            sigma=self.sigma,
        )

    def place_of_op(self, event: OpEvent) -> Place:
        module, code, instruction, _ = event.stack
        return self._place(
            event.number,
            op_name(event.func),
            module,
            code.co_filename,
            line_of(code, instruction),
            code.co_qualname,
            "after" if event.ran else "before",
        )

    def place_of_border(self, info: ModuleInfo, number: int, file: str, line: int, entering: bool) -> Place:
        return self._place(number, "", info, file, line, "", "before" if entering else "after")

    def place_of_line(self, number: int, info: ModuleInfo, file: str, line: int, function: str) -> Place:
        return self._place(number, "", info, file, line, function, "before")

    def _place(
        self,
        number: int,
        op: str,
        module: ModuleInfo,
        file: str,
        line: int,
        function: str,
        when: str,
    ) -> Place:
        return Place(
            op_number=number,
            op=op,
            module=module.path,
            module_class=module.class_name,
            file=file,
            line=line,
            function=function,
            phase=self.phase,
            step=self.step,
            steps=self.steps,
            image_index=self.image,
            image_count=self.images,
            timestep=self.timestep,
            sigma=self.sigma,
            when="before" if when == "before" else "after",
        )


def place_text(place: Place) -> str:
    """A place in one line, from far to near."""
    parts = [f"picture {place.image_index + 1} of {place.image_count}"] if place.image_count > 1 else []
    if place.step >= 0:
        parts.append(f"step {place.step + 1} of {place.steps}")
        if place.timestep is not None:
            parts.append(f"t {place.timestep:g}")
        if place.sigma is not None:
            parts.append(f"sigma {place.sigma:.4g}")
    parts += [part for part in (place.phase, place.module) if part]
    if place.op:
        parts.append(f"op {place.op_number} {place.op}")
    if place.file:
        parts.append(f"{place.file}:{place.line}")
    return " > ".join(parts)
