"""Sees every op that torch dispatches while it is attached: what ran, where, on what, and for how long.

A `TorchDispatchMode` of PyTorch. Each call costs the running model time, so the path that every op takes is
one function with nothing in it that can be done later: sites are described once, rows are packed in batches.
Facts of PyTorch that it stands on:

* the mode is not active inside of its own handler, so what is done there (statistics, expressions) is not
seen;
* modes travel with autograd to its threads, so ops of backward arrive on whatever thread runs them;
* `ignore_compile_internals` must say True, or compiled regions would silently run eagerly;
* under `inference_mode` composite ops (`linear`, `scaled_dot_product_attention`) arrive whole.
"""

from __future__ import annotations

import itertools
import threading
from array import array
from collections.abc import Callable
from time import perf_counter_ns
from types import CodeType
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mezzotint_engine.opdebug.gate import PASSED_ON
from mezzotint_engine.opdebug.module_stack import ModuleInfo, ModuleStack
from mezzotint_engine.opdebug.op_sites import TRAITS as _TRAITS
from mezzotint_engine.opdebug.op_sites import allocated_bytes, describe_site, op_name, tensors_in, traits_of
from mezzotint_engine.opdebug.quick_statistics import QuickStatistics, Sample
from mezzotint_engine.opdebug.source_places import SourcePlaces
from mezzotint_engine.opdebug.stop_facts import replaced
from mezzotint_sdk.trace_records import OpFlags, OpSite

__all__ = ["OpCapture", "OpEvent", "OpObserver"]

try:
    from torch._C._dynamo.eval_frame import set_code_exec_strategy
    from torch._dynamo.types import FrameAction, FrameExecStrategy

    _CAN_MARK_CODE = True
except ImportError:  # another PyTorch
    _CAN_MARK_CODE = False

_node_now: Callable[[], Any] = torch._C._current_autograd_node
_next_node_number: Callable[[], int] = torch._C._autograd._get_sequence_nr


class OpEvent:
    """An op that has run, or (with `out` None and `ran` False) is about to."""

    __slots__ = (
        "args",
        "error",
        "func",
        "inputs",
        "kwargs",
        "number",
        "out",
        "outputs",
        "ran",
        "site",
        "stack",
        "swaps",
    )
    stack: tuple[ModuleInfo, CodeType, int, bool]  # module, code, instruction, whether in backward

    @property
    def in_place(self) -> bool:
        return bool(traits_of(self.func).flags & OpFlags.IN_PLACE)

    def __init__(
        self,
        number: int,
        site: int,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inputs: list[Tensor],
    ) -> None:
        self.number, self.site, self.func = number, site, func
        self.args, self.kwargs, self.inputs = args, kwargs, inputs
        self.out: Any = None
        self.outputs: list[Tensor] = []
        self.ran = False
        self.error: BaseException | None = None
        self.swaps: dict[int, Tensor] = {}  # edited arguments, by the id of the old


class OpObserver(Protocol):
    """What the session does with ops. Called on the thread that dispatched, outside of the mode."""

    wants_each: bool  # `op_ran` is to be called for each op, not only for those of interesting sites
    wants_before: bool  # `op_begins` likewise
    interesting: set[int]  # sites whose ops may match something

    def new_site(self, site: OpSite) -> int:
        """The number of a site that was not seen before; puts it among the interesting ones where it is."""

    def op_begins(self, event: OpEvent) -> bool:
        """Before it runs. True: don't run it, `event.out` is what it gives."""

    def op_ran(self, event: OpEvent) -> Any:
        """After it ran: what is to be handed on."""

    def op_failed(self, event: OpEvent) -> None:
        """It raised `event.error`, which goes on after this."""

    def capture_failed(self, number: int, error: Exception) -> None: ...

    def record(self, rows: list[Row]) -> None:
        """A batch of rows."""


# site, mark, began_ns, duration_ns, bytes allocated, flags, thread, inputs' and outputs' ids, sample
Row = tuple[int, int, int, int, int, int, int, tuple[int, ...], tuple[int, ...], Sample | int | None]

BATCH = 512


class _Samplers(threading.local):
    """Each thread takes its own statistics."""

    def __init__(self) -> None:
        self.sampler = QuickStatistics()


class OpCapture(TorchDispatchMode):
    """`mark` is the number of the ladder mark that ops belong to from now on, `recording` whether rows are
    made of them; the session sets both."""

    def __init__(
        self,
        observer: OpObserver,
        modules: ModuleStack,
        *,
        statistics: bool = False,
    ) -> None:
        super().__init__()
        self.mark = 0
        self.count = 0  # ops that were recorded; the next one's number
        self.kept = 0  # of these, recorded with all facts
        self.came = 0  # ops that came by, recorded or not
        self._observer = observer
        self._modules = modules
        self.recording = True
        self.quiet = False  # count ops as if they were recorded, but make no rows
        self.wake: set[int] = set()  # numbers of ops that the observer is called for
        self.statistics = statistics  # of each op's first output
        self._samplers = _Samplers()
        self._places = SourcePlaces()
        self._sites: dict[Any, int] = {}
        self._allocated: dict[int, int] = {}  # by each op of a site, in bytes
        self._rows: list[Row] = []
        self.modules_of_ops = array("I")  # the module's index of each recorded op
        self._ids: dict[int, int] = {}
        self._next_id = 1
        self._threads = modules.threads
        self._outside = modules.outside
        self._thread_numbers = itertools.count()
        # forward's module and line by autograd's sequence number, for the ops of backward
        self._forward: dict[int, tuple[ModuleInfo, CodeType, int]] = {}
        self._lock = threading.Lock()

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # PyTorch 2.13 keeps Dynamo out of a mode's handler by a wrapper that takes a microsecond an op; a
        # mark on the handler's code (below) does the same for nothing
        return not _CAN_MARK_CODE

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        observer = self._observer
        number = self.count
        self.came += 1
        if self.recording:
            self.count = number + 1
        try:
            traits = _TRAITS.get(id(func)) or traits_of(func)
            if traits.takes_lists or kwargs:
                inputs = tensors_in(args, kwargs)
            else:
                inputs = [one for one in args if isinstance(one, Tensor)]
            here = self._threads  # of this thread
            module = here.stack[-1] if here.stack else self._outside
            code, instruction = self._places.place()
            node = _node_now()
            if node is not None:
                module, code, instruction = self._forward.get(
                    node._sequence_nr(), (module, code, instruction)
                )
            elif torch.is_grad_enabled():
                self._forward[_next_node_number() - 1] = (module, code, instruction)
            known = tuple([(one.shape, one.dtype, one.device) for one in inputs])
            key = (traits, module.index, id(code), instruction, known)
            if observer.wants_before:
                early = OpEvent(number, self._sites.get(key, -1), func, args, kwargs, inputs)
                early.stack = (module, code, instruction, node is not None)
                instead = observer.op_begins(early)
                if early.swaps:
                    args, kwargs = replaced(args, early.swaps), replaced(kwargs, early.swaps)
                    inputs = tensors_in(args, kwargs)
            else:
                instead = False
        except PASSED_ON:
            raise
        except Exception as error:
            self._failed(number, func, error)
            return func(*args, **kwargs)
        if instead:
            out = early.out
            began = ended = perf_counter_ns()
        else:
            began = perf_counter_ns()
            try:
                out = traits.call(*args, **kwargs)
            except PASSED_ON:
                raise
            except Exception as error:
                self._op_failed(number, func, args, kwargs, inputs, module, code, instruction, node, error)
                raise
            ended = perf_counter_ns()
        written = False
        try:
            if isinstance(out, Tensor):
                outputs = [out]
            elif out is None:
                outputs = []
            else:
                outputs = tensors_in(out if isinstance(out, tuple | list) else (out,), None)
            site = self._sites.get(key)
            if site is None:
                with self._lock:
                    site = observer.new_site(
                        describe_site(
                            func, args, kwargs, inputs, outputs, module, code, instruction, node is not None
                        )
                    )
                    self._allocated[site] = allocated_bytes(traits, inputs, outputs)
                    self._sites[key] = site
            ids = self._ids
            into = tuple([ids.get(id(one)) or self._name(one) for one in inputs])
            given = tuple([self._name(one) for one in outputs])
            flags = traits.flags
            if node is not None:
                flags |= OpFlags.BACKWARD
            sample = self._sample(number, inputs, outputs, flags) if self.statistics else None
            if self.recording and not self.quiet:
                self.modules_of_ops.append(module.index)
                thread = here.number
                if thread < 0:
                    thread = here.number = next(self._thread_numbers)
                self._rows.append(
                    (
                        site,
                        self.mark,
                        began,
                        ended - began,
                        self._allocated[site],
                        flags,
                        thread,
                        into,
                        given,
                        sample,
                    )
                )
                written = True
                self.kept += 1
                if len(self._rows) >= BATCH:
                    self.flush()
            if observer.wants_each or site in observer.interesting or number in self.wake:
                event = OpEvent(number, site, func, args, kwargs, inputs)
                event.out, event.outputs, event.ran = out, outputs, True
                event.stack = (module, code, instruction, node is not None)
                return observer.op_ran(event)
        except PASSED_ON:
            raise
        except Exception as error:
            self._failed(number, func, error, written=written)
        return out

    def _name(self, tensor: Tensor) -> int:
        """A number for a tensor that an op made or that is new to us. An id that Python gives again is
        replaced when the next tensor is made under it, which an op does, so we see it."""
        number = self._ids[id(tensor)] = self._next_id
        self._next_id = number + 1
        return number

    def _sample(
        self, number: int, inputs: list[Tensor], outputs: list[Tensor], flags: int
    ) -> Sample | int | None:
        """Statistics of the first output; the op's number where they come later, with the next flush."""
        sampler = self._samplers.sampler
        if flags & OpFlags.IN_PLACE:
            for one in inputs:
                sampler.forget(one)
        return (sampler.take(number, outputs[0]) or number) if outputs else None

    def watch_like(self, other: OpCapture, wake: set[int]) -> None:
        """See again what `other` has seen: its sites are known, nothing is recorded, and the observer is
        called for the ops of these numbers alone."""
        self.quiet, self.wake = True, wake
        self._sites, self._places, self._forward = other._sites, other._places, other._forward

    def flush(self) -> None:
        """Hand on the rows that were gathered. On the thread whose statistics are still on a device, if any
        are."""
        with self._lock:
            rows, self._rows = self._rows, []
        if not rows:
            return
        if self.statistics:
            late = dict(self._samplers.sampler.flush())
            rows = [(*row[:9], late.get(row[9])) if isinstance(row[9], int) else row for row in rows]
        self._observer.record(rows)

    def forget_forward(self) -> None:
        """At the end of an iteration: its graph is gone, and with it the numbers of its nodes."""
        self._forward.clear()

    def _failed(self, number: int, func: Any, error: Exception, *, written: bool = False) -> None:
        if not written:
            self._row_without_facts(OpSite(op=op_name(func)), OpFlags.CAPTURE_FAILED)
        self._observer.capture_failed(number, error)

    def _row_without_facts(self, site: OpSite, flag: OpFlags) -> None:
        """So that rows go on being numbered as ops are."""
        if self.recording and not self.quiet:
            self.modules_of_ops.append(0)
            number = self._observer.new_site(site)
            self._rows.append((number, self.mark, perf_counter_ns(), 0, 0, int(flag), 0, (), (), None))

    def _op_failed(
        self,
        number: int,
        func: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        inputs: list[Tensor],
        module: ModuleInfo,
        code: CodeType,
        instruction: int,
        node: Any,
        error: Exception,
    ) -> None:
        written = False
        try:
            described = describe_site(
                func, args, kwargs, inputs, [], module, code, instruction, node is not None
            )
            event = OpEvent(number, self._observer.new_site(described), func, args, kwargs, inputs)
            event.error = error
            self._row_without_facts(described, OpFlags.FAILED)
            written = True
            event.stack = (module, code, instruction, node is not None)
            self._observer.op_failed(event)
        except PASSED_ON:
            raise
        except Exception as own:
            self._failed(number, func, own, written=written)


if _CAN_MARK_CODE:
    set_code_exec_strategy(
        OpCapture.__torch_dispatch__.__code__, FrameExecStrategy(FrameAction.SKIP, FrameAction.SKIP)
    )
