"""Python expressions on the tensors of a stop: conditions of breakpoints, watches, looks, edits, logpoints.

Names: inputs `a`, `b`, `c`, … (after 26 of them `in26`, `in27`, …) and `ins`; outputs `out` (the first) and
`outs`; `step`, `phase`, `op`, `module`; `torch`, `math`, `np`, Python's builtins. Expressions only look: what
would edit a tensor in place is refused when it is compiled, no autograd graph is built, and generators are
put back after random numbers were drawn. A bad expression is a `BadInputError` of one sentence, at compiling
or at evaluating.
"""

from __future__ import annotations

import ast
import math
import re
import string
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any

import numpy as np
import torch

from mezzotint_sdk.errors import BadInputError, MezzotintError

__all__ = [
    "TensorExpression",
    "TextTemplate",
    "input_name",
    "names_of_op",
]

_LETTERS = string.ascii_lowercase
_BASE: dict[str, object] = {"torch": torch, "math": math, "np": np, "nan": math.nan, "inf": math.inf}
_RANDOM = re.compile(r"rand|normal|uniform|dropout|bernoulli|multinomial|poisson|exponential|seed|shuffle")
_MAX_SHOWN = 200


def input_name(position: int) -> str:
    """How expressions call the `position`-th input: a … z, then in26, in27, …"""
    return _LETTERS[position] if position < len(_LETTERS) else f"in{position}"


def names_of_op(
    ins: Sequence[object],
    outs: Sequence[object],
    *,
    step: int = -1,
    phase: str = "",
    op: str = "",
    module: str = "",
) -> dict[str, object]:
    """The names that an expression may use at an op or a module's border."""
    names: dict[str, object] = {input_name(position): value for position, value in enumerate(ins)}
    names["ins"], names["outs"] = list(ins), list(outs)
    if outs:
        names["out"] = outs[0]
    names.update(step=step, phase=phase, op=op, module=module)
    return names


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


class _NoSideEffects(ast.NodeVisitor):
    """Refuses what would edit a live tensor: methods with a trailing underscore and `out=`."""

    def __init__(self, text: str) -> None:
        self._text = text

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr.endswith("_") and not node.attr.startswith("_"):
            raise BadInputError(
                f"'{_short(self._text)}' would edit a tensor in place by '{node.attr}'; "
                f"use '{node.attr.rstrip('_')}', which gives a new one."
            )
        if node.attr in {"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__"}:
            raise BadInputError(
                f"'{_short(self._text)}' would edit a tensor in place by '{node.attr}', and may only look."
            )
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if any(keyword.arg == "out" for keyword in node.keywords):
            raise BadInputError(
                f"'{_short(self._text)}' would write into a tensor by 'out='; without it there is a new one."
            )
        self.generic_visit(node)


def _compile(text: str) -> CodeType:
    stripped = text.strip()
    if not stripped:
        raise BadInputError(
            "The expression is empty; write one on the tensors of the op, as 'out.abs().max() > 1e3'."
        )
    try:
        tree = ast.parse(stripped, "<expression>", "eval")
        if isinstance(tree.body, ast.Tuple) and not stripped.startswith("("):
            raise BadInputError(f"'{_short(stripped)}' is several expressions; join conditions by 'and'.")
        _NoSideEffects(stripped).visit(tree)
        return compile(tree, "<expression>", "eval")
    except SyntaxError as error:
        where = f" at column {error.offset}" if error.offset else ""
        raise BadInputError(f"'{_short(stripped)}' is no Python expression: {error.msg}{where}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadInputError(f"'{_short(stripped)}' is no Python expression: {error}.") from None


def _all_names(code: CodeType) -> set[str]:
    found = set(code.co_names) | set(code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _all_names(constant)
    return found


class TensorExpression:
    """One compiled expression. `names`: every name and attribute that it uses."""

    __slots__ = ("_code", "_random", "names", "text")

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self._code = _compile(text)
        self.names = frozenset(_all_names(self._code))
        self._random = any(_RANDOM.search(name) for name in self.names)

    @property
    def uses_outputs(self) -> bool:
        return not self.names.isdisjoint({"out", "outs"})

    def value(self, names: Mapping[str, object]) -> Any:
        """What it evaluates to. Raises `BadInputError` with what went wrong inside."""
        scope = {**_BASE, **names}
        try:
            with torch.no_grad():
                if self._random:
                    return _with_generators_kept(lambda: eval(self._code, scope))
                return eval(self._code, scope)
        except NameError as error:
            raise BadInputError(f"'{_short(self.text)}' uses {_unknown_name(error, names)}.") from None
        except MezzotintError:
            raise  # of a function that was given as a name; it says all
        except Exception as error:
            raise BadInputError(f"'{_short(self.text)}' fails here: {_said(error)}") from None

    def truth(self, names: Mapping[str, object]) -> bool:
        """Whether it holds. A tensor of several elements has no truth: `BadInputError`."""
        value = self.value(names)
        if isinstance(value, torch.Tensor) and value.numel() != 1:
            raise BadInputError(
                f"'{_short(self.text)}' gives a tensor of shape {list(value.shape)}, neither true nor false; "
                "add .any() or .all()."
            )
        try:
            return bool(value)
        except Exception as error:
            raise BadInputError(f"'{_short(self.text)}' is neither true nor false: {_said(error)}") from None

    def number(self, names: Mapping[str, object]) -> float | None:
        """Its value as a number to plot, None where it is none."""
        return as_number(self.value(names))


def as_number(value: object) -> float | None:
    """A number, a bool or a tensor or array of one real element as a float; None for everything else."""
    try:
        if isinstance(value, torch.Tensor):
            if value.numel() != 1 or value.is_complex() or value.device.type == "meta":
                return None
            return float(value.detach().reshape(()).item())
        if isinstance(value, np.ndarray | np.generic):
            return float(value.item()) if value.size == 1 and not np.iscomplexobj(value) else None
        return float(value) if isinstance(value, bool | int | float) else None
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def value_text(value: object) -> str:
    """A value as one short line: a tensor of few elements by its numbers, a big one by what it is."""
    number = as_number(value)
    if number is not None and isinstance(value, torch.Tensor | np.ndarray):
        return f"{number:.6g}"
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        if value.numel() > 8 or value.device.type == "meta":
            return f"{kind}{list(value.shape)} on {value.device}"
        return f"{value.detach().tolist()}"
    if isinstance(value, float):
        return f"{value:.6g}"
    try:
        text = str(value)
    except Exception as error:
        return f"<{type(value).__name__} that can't be printed: {_said(error)}>"
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


class TextTemplate:
    """A logpoint's text: `{expressions}` are filled in, with an optional format (`{out.mean():.3f}`).

    `{{` is a brace.
    """

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: list[tuple[str, TensorExpression | None, str]] = []
        try:
            literal = ast.parse("f" + repr(text), "<log>", "eval").body
        except SyntaxError as error:
            raise BadInputError(
                f"The log text '{_short(text)}' can't be read: {error.msg}; write expressions in braces, as "
                "'max {out.max()}', and a brace itself twice."
            ) from None
        values = literal.values if isinstance(literal, ast.JoinedStr) else [literal]
        for part in values:
            match part:
                case ast.Constant(value=str(plain)):
                    self._parts.append((plain, None, ""))
                case ast.FormattedValue(value=inner, format_spec=spec):
                    self._parts.append(("", TensorExpression(ast.unparse(inner)), _format_spec(spec, text)))

    @property
    def uses_outputs(self) -> bool:
        return any(expression.uses_outputs for _, expression, _ in self._parts if expression)

    def fill(self, names: Mapping[str, object]) -> str:
        """The text with values. An expression that fails leaves its sentence in it: logging never stops."""
        return "".join(plain if not one else _filled(one, spec, names) for plain, one, spec in self._parts)


def _format_spec(spec: ast.expr | None, text: str) -> str:
    if spec is None:
        return ""
    if isinstance(spec, ast.JoinedStr) and all(isinstance(part, ast.Constant) for part in spec.values):
        return "".join(str(part.value) for part in spec.values if isinstance(part, ast.Constant))
    raise BadInputError(f"The log text '{_short(text)}' has braces inside a format; write the format out.")


def _filled(expression: TensorExpression, spec: str, names: Mapping[str, object]) -> str:
    try:
        value = expression.value(names)
        if not spec:
            return value_text(value)
        number = as_number(value)
        return format(number if number is not None and not isinstance(value, int) else value, spec)
    except BadInputError as error:
        return f"<{error.message}>"
    except (TypeError, ValueError) as error:
        return f"<'{_short(expression.text)}' can't be written as '{spec}': {error}>"


def _with_generators_kept(make: Callable[[], Any]) -> Any:
    """Draw random numbers without a trace: the run's next numbers are what they would have been."""
    numpy_state = np.random.get_state()
    try:
        with torch.random.fork_rng(devices=_started_devices()):
            return make()
    finally:
        np.random.set_state(numpy_state)


def _started_devices() -> list[int]:
    """CUDA devices whose generators exist: asking after others would start CUDA."""
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []


def _unknown_name(error: NameError, names: Mapping[str, object]) -> str:
    known = [name for name in names if name not in {"step", "phase", "op", "module"}]
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"the name '{error.name}', which is not known here; there are {shown}, torch, math and np"


def _said(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0].strip()
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return _short_sentence(text)


def _short_sentence(text: str) -> str:
    text = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
    return text if text.endswith((".", "…", "!", "?")) else text + "."
