"""One breakpoint, compiled: cheap questions first, values last.

At an op the caller asks, in this order and only as far as the answer is yes: `may_match_site` (once for
each interned site, the answer kept), `matches_mark` (two comparisons), `matches` (looks at values). Module
borders ask `may_match_module` once for each module instead.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import torch

from mezzotint_engine.opdebug.quick_statistics import has_inf, has_nan
from mezzotint_engine.opdebug.tensor_expression import TensorExpression, TextTemplate
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import BadInputError

__all__ = ["BreakpointTest", "OutputFacts", "SiteFacts", "dtype_named"]

_SHORT_DTYPES = {
    "fp64": "float64",
    "double": "float64",
    "fp32": "float32",
    "float": "float32",
    "fp16": "float16",
    "half": "float16",
    "bf16": "bfloat16",
    "fp8": "float8_e4m3fn",
    "long": "int64",
    "int": "int32",
    "short": "int16",
}
_DTYPES = {
    str(value).removeprefix("torch."): value
    for value in vars(torch).values()
    if isinstance(value, torch.dtype)
}


def dtype_named(name: str) -> str:
    """The dtype's full name ("float16") for a full or short one ("torch.float16", "fp16"), "" for none."""
    word = name.strip().removeprefix("torch.")
    word = _SHORT_DTYPES.get(word, word)
    return word if word in _DTYPES else ""


class OutputFacts(Protocol):
    """What is asked of an output; `TensorMeta` of a trace has it."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def device(self) -> str: ...


class SiteFacts(Protocol):
    """What is asked of an op's site; `OpSite` of a trace has it."""

    @property
    def op(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def outputs(self) -> Sequence[OutputFacts]: ...


class BreakpointTest:
    """A breakpoint that can be asked. Made anew whenever the breakpoint changes.

    - `border`: it stops at a module's border (a module, no condition on an op), and needs module hooks only.
    - `when`: "after" wherever outputs are looked at, whatever the breakpoint says.
    - `needs_values`: `matches` reads values of tensors.
    - `failure`: the sentence of its expression's first failure; such a condition counts as not met.
    """

    __slots__ = (
        "_arrivals_of_line",
        "_device",
        "_dtype",
        "_expression",
        "_file",
        "_inf",
        "_last_arrival",
        "_last_op_number",
        "_line",
        "_mark_alone",
        "_module",
        "_nan",
        "_op",
        "_phase",
        "_shape",
        "_step",
        "border",
        "breakpoint",
        "failure",
        "failure_told",
        "log",
        "needs_values",
        "when",
    )

    def __init__(self, breakpoint: Breakpoint) -> None:
        self.breakpoint = breakpoint
        self._op = _glob(breakpoint.op.replace("::", ".")) if breakpoint.op else None
        self._module = _glob(breakpoint.module) if breakpoint.module else None
        self._file, self._line = breakpoint.file.replace("\\", "/"), breakpoint.line
        self._phase, self._step = breakpoint.phase, breakpoint.step
        self._shape = _shape_pattern(breakpoint.shape) if breakpoint.shape else None
        self._dtype = _known_dtype(breakpoint.dtype) if breakpoint.dtype else ""
        self._device = _glob(breakpoint.device) if breakpoint.device else None
        self._nan, self._inf = breakpoint.nan, breakpoint.inf
        self._expression = TensorExpression(breakpoint.expression) if breakpoint.expression.strip() else None
        self.log = TextTemplate(breakpoint.log) if breakpoint.log else None
        if breakpoint.line and not breakpoint.file:
            raise BadInputError(
                f"A breakpoint at line {breakpoint.line} needs its file, as 'file.py:{breakpoint.line}'."
            )
        of_outputs = bool(self._shape is not None or self._dtype or self._device or self._nan or self._inf)
        of_op = bool(self._op or self._file or of_outputs)
        self.border = bool(self._module) and not of_op
        self.needs_values = bool(self._nan or self._inf or self._expression)
        sees_outputs = bool(
            of_outputs
            or (self._expression and self._expression.uses_outputs)
            or (self.log and self.log.uses_outputs)
        )
        self.when: Literal["before", "after"] = "after" if sees_outputs else breakpoint.when
        self._mark_alone = not (of_op or self._module or self._expression) and bool(
            self._phase or self._step >= 0
        )
        self._arrivals_of_line = bool(self._line) and not (self._op or of_outputs or self._expression)
        self._last_arrival: tuple[object, ...] | None = None
        self._last_op_number = -2
        self.failure = ""
        self.failure_told = False

    @property
    def breakpoint_id(self) -> int:
        return self.breakpoint.breakpoint_id

    def may_match_site(self, site: SiteFacts) -> bool:
        """Whether an op of this site can be the one. Asked once for each site; the caller keeps the answer.

        A border's test never matches an op. A module's glob holds for the op's module and for all that lie
        around it.
        """
        if self.border:
            return False
        if self._op and not _matches_op(self._op, site.op):
            return False
        if self._module and not _matches_subtree(self._module, self.breakpoint.module, site.module):
            return False
        if self._file and not self._matches_line(site.file, site.line):
            return False
        if self._shape is None and not self._dtype and not self._device:
            return True
        return any(self._matches_output(output) for output in site.outputs)

    def may_match_module(self, path: str) -> bool:
        """Whether this border's test is about the module with this path."""
        if not self.border or self._module is None:
            return False
        return _matches_module(self._module, self.breakpoint.module, path)

    def matches_mark(self, phase: str, step: int) -> bool:
        return (self._step < 0 or step == self._step) and (not self._phase or phase == self._phase)

    def matches(
        self,
        names: Mapping[str, object],
        phase: str,
        step: int,
        *,
        op_number: int = -1,
        image: int = 0,
        nan: bool | None = None,
        inf: bool | None = None,
    ) -> bool:
        """Whether it holds here and now; `names` as `names_of_op` gives them.

        `nan` and `inf`: what is known of the outputs already (None: not known). A breakpoint of a phase or
        step alone holds at the first op of it, one of a source line at the first of the ops that the line
        does in a row (for which `op_number` is needed).
        """
        if not self.matches_mark(phase, step):
            self._last_arrival = None
            return False
        if self._mark_alone and not self._arrives(phase, step, image):
            return False
        if self._arrivals_of_line and op_number >= 0:
            before, self._last_op_number = self._last_op_number, op_number
            if op_number == before + 1:
                return False
        if (self._nan or self._inf) and not self._appears(names, nan, inf):
            return False
        return self._expression is None or self._holds(self._expression, names)

    def _arrives(self, phase: str, step: int, image: int) -> bool:
        here = (image, phase if self._phase else "", step if self._step >= 0 else -1)
        before, self._last_arrival = self._last_arrival, here
        return here != before

    def _appears(self, names: Mapping[str, object], nan: bool | None, inf: bool | None) -> bool:
        """NaN (or Inf, where both are asked for: either) in an output and in no input.

        Parameters don't count as inputs: a weight that holds NaN is found at the op that first uses it.
        """
        outs = _tensors(names.get("outs"))
        ins = [one for one in _tensors(names.get("ins")) if not isinstance(one, torch.nn.Parameter)]
        if self._nan and (nan if nan is not None else any(map(has_nan, outs))) and not any(map(has_nan, ins)):
            return True
        return bool(
            self._inf and (inf if inf is not None else any(map(has_inf, outs))) and not any(map(has_inf, ins))
        )

    def _holds(self, expression: TensorExpression, names: Mapping[str, object]) -> bool:
        try:
            return expression.truth(names)
        except BadInputError as error:
            # Many conditions can't be asked of integers or of no elements; the run must not stop for that.
            self.failure = self.failure or error.message
            return False

    def _matches_line(self, file: str, line: int) -> bool:
        if self._line and line != self._line:
            return False
        path = file.replace("\\", "/")
        return path == self._file or path.endswith("/" + self._file.lstrip("/"))

    def _matches_output(self, output: OutputFacts) -> bool:
        if self._dtype and output.dtype.removeprefix("torch.") != self._dtype:
            return False
        if self._device and not (
            self._device.match(output.device) or self._device.match(output.device.partition(":")[0])
        ):
            return False
        return self._shape is None or _matches_shape(self._shape, tuple(output.shape))


def _tensors(values: object) -> list[torch.Tensor]:
    return (
        [value for value in values if isinstance(value, torch.Tensor)]
        if isinstance(values, list | tuple)
        else []
    )


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern.strip()))


def _matches_op(pattern: re.Pattern[str], op: str) -> bool:
    """`aten.mm.default` is matched by its full name, by `aten.mm` and by `mm`."""
    name = op.replace("::", ".")
    parts = name.split(".")
    return bool(
        pattern.match(name)
        or (len(parts) > 2 and pattern.match(".".join(parts[:-1])))
        or (len(parts) > 1 and pattern.match(parts[1]))
    )


def _matches_module(pattern: re.Pattern[str], text: str, path: str) -> bool:
    """The whole path, or, for a pattern without a dot, its last name."""
    return bool(pattern.match(path) or ("." not in text and pattern.match(path.rpartition(".")[2])))


def _matches_subtree(pattern: re.Pattern[str], text: str, path: str) -> bool:
    while path:
        if _matches_module(pattern, text, path):
            return True
        path = path.rpartition(".")[0]
    return False


def _known_dtype(name: str) -> str:
    known = dtype_named(name)
    if not known:
        raise BadInputError(f"'{name}' is no dtype; use a name such as float32, float16, bfloat16 or int64.")
    return known


_Shape = tuple[int | None, ...]
_ANY_SIZES = -1


def _shape_pattern(text: str) -> _Shape:
    """ "2,64,*" → (2, 64, None); "..." → -1; brackets and "2x64" are understood too, "()" is a scalar."""
    inner = text.strip().strip("()[]").strip()
    parts = [
        part.strip() for part in re.split(r"[,\s]+" if "," in inner else r"[x×\s]+", inner) if part.strip()
    ]
    sizes: list[int | None] = []
    for part in parts:
        if part in {"...", "…"}:
            sizes.append(_ANY_SIZES)
        elif part in {"*", ":", "?"}:
            sizes.append(None)
        elif part.isascii() and part.isdigit():
            sizes.append(int(part))
        else:
            raise BadInputError(
                f"'{text}' is no shape: '{part}' is neither a size, nor * (any size), nor ... (any sizes)."
            )
    return tuple(sizes)


def _matches_shape(pattern: _Shape, shape: tuple[int, ...]) -> bool:
    if not pattern:
        return not shape
    first, rest = pattern[0], pattern[1:]
    if first == _ANY_SIZES:
        return any(_matches_shape(rest, shape[skipped:]) for skipped in range(len(shape) + 1))
    return bool(shape) and first in (None, shape[0]) and _matches_shape(rest, shape[1:])
