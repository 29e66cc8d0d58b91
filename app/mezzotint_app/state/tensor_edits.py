"""What can be done to a tensor of the stop, as data: the form, its check, and what was done in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mezzotint_app.state.slice_index import sliced_shape
from mezzotint_sdk.debug_messages import EditTensor, SkipOp
from mezzotint_sdk.debug_records import EditKind
from mezzotint_sdk.errors import BadInputError

__all__ = ["EDITS", "SKIPS", "EditForm", "SkipForm", "edit_ask", "edit_sentence", "skip_ask", "skip_sentence"]


@dataclass(frozen=True)
class EditForm:
    """One kind of edit. Fields without a title are not asked for."""

    kind: EditKind
    title: str  # in the menu
    help: str
    value_title: str = ""
    start: str = ""  # what the value's field holds at first
    other_title: str = ""
    other_start: str = ""
    value_is: str = "number"  # number, whole, path or expression
    takes_index: bool = True


EDITS = (
    EditForm("fill", "Fill", "Every element becomes one number", "Number", "0"),
    EditForm("scale", "Scale", "Every element is multiplied", "Factor", "1"),
    EditForm("add_noise", "Add noise", "Gaussian noise is added", "Standard deviation", "0.1"),
    EditForm("clamp", "Clamp", "Elements outside of the bounds become the bound", "Low", "-1", "High", "1"),
    EditForm(
        "zero_channel",
        "Zero a channel",
        "One channel becomes zero: of dimension 1 where there are four or more, else of the last",
        "Channel",
        "0",
        "Dimension",
        value_is="whole",
    ),
    EditForm(
        "zero_head",
        "Zero a head",
        "One attention head becomes zero: of the third dimension from the end",
        "Head",
        "0",
        "Dimension",
        value_is="whole",
    ),
    EditForm(
        "load",
        "Load from file",
        "Take the values of a .npy, .safetensors or .png file of the same shape",
        "File",
        value_is="path",
    ),
    EditForm(
        "expression",
        "Expression",
        "The value of Python on the stop's tensors: out.nan_to_num(0), a - b, torch.relu(out)",
        "Expression",
        value_is="expression",
    ),
    EditForm("restore", "Restore", "Take edits back: the values that the op gave", takes_index=False),
)


@dataclass(frozen=True)
class SkipForm:
    kind: str  # identity, zeros or value
    title: str
    help: str


SKIPS = (
    SkipForm("identity", "Skip the op: pass its input on", "The first input of the same shape is the result"),
    SkipForm("zeros", "Skip the op: zeros", "The result is zero everywhere"),
    SkipForm("value", "Skip the op: a value…", "The result is a number, or an expression"),
)


def edit_ask(
    form: EditForm, name: str, value: str, other: str, index: str, shape: tuple[int, ...]
) -> EditTensor:
    """The request. Raises BadInputError with a sentence about the field that is wrong."""
    value, other, index = value.strip(), other.strip(), index.strip()
    if form.takes_index:
        sliced_shape(index, shape)
    if form.kind == "clamp":
        if not value and not other:
            raise BadInputError("Give a low bound, a high bound, or both.")
        low, high = _number(value, -math.inf), _number(other, math.inf)
        if low is not None and high is not None and low > high:
            raise BadInputError(f"The low bound {value} is above the high bound {other}.")
    elif form.value_is == "number" and form.value_title:
        if not value:
            raise BadInputError(f"{form.value_title} must be a number, or an expression that gives one.")
        number = _number(value, 0.0)
        if form.kind == "add_noise" and number is not None and not 0 <= number < math.inf:
            raise BadInputError("The standard deviation must be 0 or more.")
    elif form.value_is == "whole":
        if not value.isdecimal():
            raise BadInputError(f"{form.value_title} must be a whole number from 0 on.")
        if other and not other.removeprefix("-").isdecimal():
            raise BadInputError("The dimension must be a whole number; leave it empty for the usual one.")
    elif form.value_is == "path" and not value:
        raise BadInputError("Choose a .npy, .safetensors or .png file.")
    elif form.value_is == "expression" and not value:
        raise BadInputError("Write an expression, like out.clamp(-1, 1).")
    return EditTensor(
        name=name, kind=form.kind, value=value, other=other, index=index if form.takes_index else ""
    )


def _number(text: str, empty: float) -> float | None:
    """None where the text is no number: then it is an expression, and the engine has the last word."""
    try:
        return float(text) if text else empty
    except ValueError:
        return None


def edit_sentence(ask: EditTensor) -> str:
    """What an edit did, in the past tense."""
    what = f"{ask.name}[{ask.index}]" if ask.index else ask.name
    match ask.kind:
        case "fill":
            return f"Filled {what} with {ask.value}."
        case "scale":
            return f"Multiplied {what} by {ask.value}."
        case "add_noise":
            return f"Added noise to {what}, standard deviation {ask.value}."
        case "clamp":
            bounds = " and ".join(
                part
                for part in (
                    f"at least {ask.value}" if ask.value else "",
                    f"at most {ask.other}" if ask.other else "",
                )
                if part
            )
            return f"Clamped {what}: {bounds}."
        case "zero_channel":
            return f"Set channel {ask.value} of {what} to zero."
        case "zero_head":
            return f"Set head {ask.value} of {what} to zero."
        case "load":
            return f"Loaded {what} from {ask.value}."
        case "expression":
            return f"Replaced {what} by {ask.value}."
        case _:
            return f"Restored {what} to what the op gave."


def skip_ask(kind: str, value: str) -> SkipOp:
    """The request. Raises BadInputError when a value is wanted and there is none."""
    value = value.strip()
    if kind == "value":
        if not value:
            raise BadInputError("Write a number, or an expression like torch.zeros_like(a).")
        return SkipOp(kind="value", value=value)
    return SkipOp(kind="identity" if kind == "identity" else "zeros")


def skip_sentence(ask: SkipOp, op: str) -> str:
    """What a skip did, in the past tense."""
    what = f"Skipped {op}" if op else "Skipped the op"
    given = {"identity": "its input goes on unchanged", "zeros": "it gives zeros"}
    return f"{what}: {given.get(ask.kind, f'it gives {ask.value}')}."
