"""One stop: what is known there, what was edited, and how the run is to go on.

All of it runs on the thread that stands, handed over through the gate.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import torch
from torch import Tensor

from mezzotint_engine.opdebug.attention_maps import attention_of_call
from mezzotint_engine.opdebug.capture import OpEvent
from mezzotint_engine.opdebug.console import ConsolePlace
from mezzotint_engine.opdebug.op_sites import arguments_text, traits_of
from mezzotint_engine.opdebug.source_places import stack_of
from mezzotint_engine.opdebug.stepper import Here
from mezzotint_engine.opdebug.stop_facts import facts_of, stop_tensors
from mezzotint_engine.opdebug.tensor_edit import edited, substituted
from mezzotint_engine.opdebug.tensor_expression import TensorExpression
from mezzotint_engine.opdebug.tensor_files import save_tensor
from mezzotint_engine.opdebug.tensor_look import Lookers, look
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import (
    Level,
    Place,
    SourceFrame,
    Stop,
    StopReason,
    TensorFacts,
    TensorLook,
    TensorStatistics,
)
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.trace_records import OpFlags

if TYPE_CHECKING:
    from mezzotint_engine.opdebug.debug_session import DebugSession
    from mezzotint_engine.opdebug.look_back import LookBack

__all__ = ["Standstill"]

T = TypeVar("T")


class Standstill:
    """`swaps`: tensors that were replaced, by the id of the one that goes; `instead`: what an op that is
    skipped gives."""

    def __init__(
        self,
        *,
        session: DebugSession,
        place: Place,
        here: Here,
        ins: list[Tensor],
        outs: list[Tensor],
        frame: FrameType | None,
        names: dict[str, object],
        event: OpEvent | None,
        entering: bool = False,
        post_mortem: bool = False,
        returned: object = None,
        past: LookBack | None = None,
    ) -> None:
        self.session = session
        self.place, self.here = place, here
        self.ins, self.outs = ins, outs
        self.names = names
        self.event = event
        self.post_mortem = post_mortem
        self.returned = returned
        self.frames, self._frame_facts = stack_of(frame)
        self.swaps: dict[int, Tensor] = {}
        self.instead: Any = None
        self.past = past  # the re-execution that this is a place of
        self.back_to: int | None = None
        self.restart = False
        self.cancelled = False
        self.level: Level = "op"
        self.stop: Stop | None = None
        self._entering = entering
        self._originals: dict[str, Tensor] = {}

    # --- what is told

    def begin(self, stop_id: int, reason: StopReason, message: str, breakpoint_id: int, detail: str) -> Stop:
        self._base = Stop(
            stop_id=stop_id,
            reason=reason,
            message=message,
            place=self.place,
            level=self.session.level,
            breakpoint_id=breakpoint_id,
            detail=detail,
        )
        return self.refresh()

    def refresh(self) -> Stop:
        """The stop as it is now, after edits and the like."""
        session, event = self.session, self.event
        arguments = arguments_text(event.args, event.kwargs) if event is not None else ""
        self.stop = msgspec.structs.replace(
            self._base,
            tensors=stop_tensors(self.ins, self.outs, self._originals),
            arguments=arguments,
            frames=self._all_frames(),
            watches=session.watches.values({"gradient": session.gradients.known, **self.names}),
            recorded=session.op_count,
            shown=session.census[0],
            ran=session.census[1],
            back_refused=session.travel.refused(),
            looking_back=self.past is not None,
            touched=session.touched,
            level=session.level,
        )
        return self.stop

    def _all_frames(self) -> tuple[SourceFrame, ...]:
        """In backward the forward line comes first: it is what the op belongs to, though it is over."""
        if self.event is None or not self.event.stack[3]:
            return self._frame_facts
        first = SourceFrame(
            file=self.place.file, line=self.place.line, function=self.place.function, live=False
        )
        return (first, *self._frame_facts)

    def end(self) -> None:
        """Let go of tensors and frames: they must not outlive the stop."""
        self.names = {}
        self.ins, self.outs, self.frames = [], [], []
        self._originals = {}

    # --- tensors by name

    def tensor(self, name: str) -> Tensor:
        """Raises BadInputError where `name` is no tensor of the stop."""
        position = self._position(name)
        if position is None:
            raise BadInputError(f"'{name}' is no tensor of this stop; there are {self._known()}.")
        role, index = position
        return self.ins[index] if role == "in" else self.outs[index]

    def _known(self) -> str:
        known = [facts.name for facts in stop_tensors(self.ins, self.outs)]
        return ", ".join(known) if known else "none"

    def _position(self, name: str) -> tuple[str, int] | None:
        name = name.strip()
        if name == "outs[0]":
            name = "out"
        for index, facts in enumerate(stop_tensors(self.ins, ())):
            if facts.name == name or name == f"ins[{index}]":
                return "in", index
        for index, facts in enumerate(stop_tensors((), self.outs)):
            if facts.name == name:
                return "out", index
        return None

    @property
    def can_change_outputs(self) -> bool:
        if self.event is not None:
            return self.event.ran
        return not self._entering and bool(self.outs)

    @property
    def _in_place(self) -> bool:
        return self.event is not None and bool(traits_of(self.event.func).flags & OpFlags.IN_PLACE)

    def check_changeable(self) -> None:
        if self.past is not None:
            raise BadInputError(
                "This is a look back; nothing can be changed in the past. Go on to the present."
            )
        if self.post_mortem or (self.event is not None and self.event.error is not None):
            raise BadInputError("The run has failed here; nothing that is changed now would be used.")

    def set_tensor(self, name: str, new: Tensor, what: str) -> None:
        """Put `new` in the place of a tensor of the stop. Raises BadInputError where that can have no
        effect."""
        self.check_changeable()
        position = self._position(name)
        if position is None:
            raise BadInputError(f"'{name}' is no tensor of this stop; there are {self._known()}.")
        role, index = position
        if role == "out":
            if not self.can_change_outputs:
                raise BadInputError("There is no output yet; step over the op first, or skip it.")
            old, held = self.outs[index], self.outs
        else:
            if self.event is not None and self.event.ran:
                raise BadInputError(
                    f"The op has run already, so a change of its input '{name}' would have no effect; "
                    "edit 'out', or stop before the op."
                )
            if self.event is None and not self._entering:
                raise BadInputError(
                    f"The module has run already, so a change of its input '{name}' would have no effect."
                )
            old, held = self.ins[index], self.ins
        if new.shape != old.shape or new.dtype != old.dtype or new.device != old.device:
            raise BadInputError(
                f"'{name}' is {_kind(old)}, and what was given is {_kind(new)}; they must be the same."
            )
        key = name.strip()
        self._remember(role, index, new)
        if self._in_place and role == "out":
            # it gives back what it was called with, whatever we hand on: so that itself is changed
            self._originals.setdefault(key, old.clone())
            with torch.no_grad():
                old.copy_(new)
            self.session.edited(self.place.op_number, what)
            return
        original = self._originals.setdefault(key, old)
        self.swaps[id(original)] = new
        held[index] = new
        self._rename(role, index, new)
        if self.event is not None and not self.event.ran:
            self._swap_arguments(original, new)
        self.session.edited(self.place.op_number, what)

    def restore(self, name: str) -> None:
        key = name.strip()
        if key not in self._originals:
            raise BadInputError(f"'{name}' was not edited at this stop.")
        original = self._originals[key]
        position = self._position(key)
        assert position is not None
        role, index = position
        self._remember(role, index, None)
        if self._in_place and role == "out":
            with torch.no_grad():
                self.outs[index].copy_(original)
            del self._originals[key]
            return
        (self.ins if role == "in" else self.outs)[index] = original
        self.swaps.pop(id(original), None)
        del self._originals[key]
        self._rename(role, index, original)

    def _remember(self, role: str, index: int, new: Tensor | None) -> None:
        """For a look back that passes here; `new` is None when it is restored."""
        past, number = self.session.travel.past, self.place.op_number
        if self.event is not None:
            edits = (past.edits if role == "out" else past.input_edits).setdefault(number, {})
        else:
            edits = past.border_edits.setdefault((number, self.place.module, self._entering), {})
        if new is not None:
            edits[index] = new
        else:
            edits.pop(index, None)

    def _rename(self, role: str, index: int, tensor: Tensor) -> None:
        name = facts_of(tensor, "", role).name
        names = stop_tensors(self.ins, self.outs)
        name = names[index].name if role == "in" else names[len(self.ins) + index].name
        self.names[name] = tensor
        self.names["ins"], self.names["outs"] = list(self.ins), list(self.outs)

    def _swap_arguments(self, original: Tensor, new: Tensor) -> None:
        """Before an op: its arguments are what it will be called with."""
        event = self.event
        assert event is not None
        event.swaps[id(original)] = new

    def skip(self, ask: dm.SkipOp) -> None:
        """Something else in the place of what the op gives. Raises BadInputError."""
        self.check_changeable()
        event = self.event
        if event is None:
            raise BadInputError("This is no op but a border; step to an op to skip it.")
        if not event.ran:
            raise BadInputError(
                "What this op would give is not known before it ran; step over it, then skip its result."
            )
        if not self.outs:
            raise BadInputError("This op gives no tensor; there is nothing to put in its place.")
        for index, out in enumerate(list(self.outs)):
            name = "out" if index == 0 else f"outs[{index}]"
            given = substituted(ask, out, self.ins, self.names)
            self.set_tensor(name, given, f"skipped {self.place.op}: {ask.kind} {ask.value}".strip())

    def edit(self, ask: dm.EditTensor) -> None:
        """Raises BadInputError."""
        self.check_changeable()
        if ask.kind == "restore":
            self.restore(ask.name)
            return
        # the op's number seeds the noise: the same edit at the same place gives the same numbers
        new = edited(self.tensor(ask.name), ask, self.all_names(), seed=max(self.place.op_number, 0))
        what = " ".join(word for word in (ask.kind, ask.value, ask.other) if word)
        where = f"{ask.name}[{ask.index}]" if ask.index else ask.name
        self.set_tensor(ask.name, new, f"edited {where}: {what}")

    # --- looking

    def all_names(self) -> dict[str, object]:
        """What expressions of looks and edits may name: the stop's own, other runs and files."""
        device = next((one.device for one in (*self.outs, *self.ins)), None)
        number = self.place.op_number if self.event is not None else -1
        gradient = self.session.gradients.known
        return {**self.session.other_runs.names(number, device), "gradient": gradient, **self.names}

    def value_of(self, name: str) -> tuple[Tensor, TensorFacts]:
        """A tensor of the stop, or what an expression on its names gives. Raises BadInputError."""
        position = self._position(name)
        if position is not None:
            role, index = position
            tensor = self.ins[index] if role == "in" else self.outs[index]
            return tensor, facts_of(tensor, name, "input" if role == "in" else "output")
        value = TensorExpression(name).value(self.all_names())
        if not isinstance(value, Tensor):
            value = torch.as_tensor(value)
        return value, facts_of(value, name, "input")

    def look(self, ask: dm.LookAtTensor) -> dm.TensorShown:
        """Raises BadInputError, OutOfMemoryError."""
        tensor, facts = self.value_of(ask.name)
        if ask.of_gradient:
            try:
                tensor = self.session.gradients.of(self.place.op_number, ask.name.strip(), tensor)
            except BadInputError as error:
                nothing = TensorLook(
                    facts=facts, kind=ask.view.kind, statistics=TensorStatistics(), note=error.message
                )
                return dm.TensorShown(look=nothing)
            facts = facts_of(tensor, f"gradient of {ask.name.strip()}", "input")
        return self._shown(tensor, facts, ask)

    def look_at_gradient(self, ask: dm.LookAtTensor) -> dm.TensorShown:
        """Of a tensor of an earlier op, which was asked about there. Raises BadInputError,
        OutOfMemoryError."""
        name = ask.name.strip()
        tensor = self.session.gradients.known(ask.op_number, name)
        return self._shown(tensor, facts_of(tensor, f"gradient of {name}", "input"), ask)

    def _shown(self, tensor: Tensor, facts: TensorFacts, ask: dm.LookAtTensor) -> dm.TensorShown:
        host = self.session.host
        event = self.event
        source = attention_of_call(event.func, event.args, event.kwargs) if event is not None else None
        lookers = Lookers(decode_latent=host.decode, attention=source, tokens=host.prompt_tokens())
        shown, array = look(tensor, facts, ask.view, lookers, self.all_names())
        if array is not None:
            ref = host.write_array(array)
            note = shown.note or (
                "There is no room to hand the values over; try again." if ref is None else ""
            )
            shown = msgspec.structs.replace(shown, array=ref, note=note)
        return dm.TensorShown(look=shown)

    def save(self, ask: dm.SaveTensor) -> dm.Saved:
        """Raises BadInputError, NotFoundError, StorageError."""
        tensor, _ = self.value_of(ask.name)
        saved = save_tensor(tensor, ask.file, ask.name)
        return dm.Saved(file=str(saved.file), nbytes=saved.nbytes)

    # --- what is asked here

    def answer(self, ask: dm.DebugAsk) -> dm.DebugReply:
        """Raises BadInputError."""
        match ask:
            case dm.Resume():
                self.resume(ask)
                self.session.gate.open()
            case dm.SkipOp():
                self.skip(ask)
            case dm.EditTensor():
                self.edit(ask)
            case dm.SayToConsole():
                text, resumed = self.session.console.execute(ask.line, self.console_place())
                if resumed:
                    self.session.gate.open()
                return dm.ConsoleSaid(text=text, resumed=resumed)
            case dm.CompleteWord():
                words, start = self.session.console.completions(ask.line, ask.cursor, self.console_place())
                return dm.Completions(words=words, start=start)
            case dm.LookAtTensor() if ask.of_gradient and ask.op_number not in (-1, self.place.op_number):
                return self.look_at_gradient(ask)
            case dm.LookAtTensor():
                return self._at(ask.op_number, lambda still: still.look(ask))
            case dm.SaveTensor():
                return self._at(ask.op_number, lambda still: still.save(ask))
            case _:
                raise BadInputError(f"This engine doesn't know {type(ask).__name__}.")
        return dm.Obeyed()

    def console_place(self) -> ConsolePlace:
        recorded = self._all_frames() if self.event is not None and self.event.stack[3] else ()
        return ConsolePlace(
            frames=self.frames,
            names=self.names,
            set_name=self._assign,
            recorded=recorded,
            stop_id=self.stop.stop_id if self.stop is not None else 0,
            returned=self.returned,
            touch=self.touch,
            about_to_change=self.session.watch_weights,
            lines_refused=self._lines_refused(),
        )

    def touch(self, what: str) -> None:
        """A variable of the run is about to be changed. Raises BadInputError where that may not be."""
        self.check_changeable()
        self.session.edited(self.place.op_number, what)

    def _lines_refused(self) -> str:
        if self.past is not None:
            return "Python lines can't be stepped through in the past; go by ops, or continue to the present."
        if self.post_mortem:
            return "The run has failed; there is nothing to step through. Continue to end it."
        return ""

    def _assign(self, name: str, value: object) -> None:
        """`out = …` in the console. A number fills."""
        old = self.tensor(name)
        new = torch.full_like(old, value) if isinstance(value, bool | int | float) else value
        if not isinstance(new, Tensor):
            raise BadInputError(f"'{name}' is a tensor; give a tensor or a number.")
        if new.shape != old.shape and new.numel() == 1:
            new = new.expand_as(old).clone()
        self.set_tensor(name, new.to(old.dtype), f"edited {name}: in the console")

    def _at(self, op_number: int, work: Callable[[Standstill], T]) -> T:
        """`work` here, or at an earlier op, which is executed again for it."""
        if op_number < 0 or op_number == self.place.op_number:
            return work(self)
        return self.session.travel.peek(op_number, work)

    # --- how it goes on

    def resume(self, resume: dm.Resume) -> None:
        """Plan it; the gate is opened by the caller. Raises BadInputError."""
        session = self.session
        if self.past is not None and resume.verb != "stop":
            self.past.resume(resume, self.here, session.travel.target)
            return
        match resume.verb:
            case "restart":
                self.restart = True
            case "stop":
                self.cancelled = True
            case "continue":
                session.stepper.clear()
            case "back":
                self.back_to = session.travel.target(resume, self.here.op_number)
            case _:
                if self.post_mortem:
                    raise BadInputError(
                        "The run has failed; there is nothing to step through. Continue to end it."
                    )
                session.stepper.plan(resume, self.here)
                if resume.level != "line":
                    session.level = resume.level


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)} on {tensor.device}"
