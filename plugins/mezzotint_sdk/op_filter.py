"""The filter language of the op table: `module ~ "unet.mid*" & (time > 500 | nan) & !view`.

=========  =============================================================================================
texts      op, module, class, file, function, shape, in_shape, dtype, device, kernel, phase
numbers    number, line, time (µs; 2ms and 1s are understood), flops, bytes, memory, step, image, thread,
           min, max, mean, norm; with k, M, G or T after them
marks      nan, inf, edited, skipped, failed, view, inplace, backward: true or not
compare    == != < <= > >=, and ~ for a pattern with * and ?
combine    & | ! and brackets; ! binds closest, then &
a word     alone: the op or the module contains it
=========  =============================================================================================

`op == aten.mm` and `op == mm` mean aten.mm.default too; `file == attention.py` any file of that name; shapes
are written `2,64,*` (* any size, ... any sizes) and hold for any output (`in_shape`: any input). Text doesn't
mind case. Conditions on texts are evaluated once for each site, never for each row: a million rows take
milliseconds.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.trace_records import LadderMark, OpFlags, OpSite, TensorMeta

__all__ = ["OpFilter"]

Mask = npt.NDArray[np.bool_]
Rows = np.ndarray[Any, Any]
Test = Callable[[Rows], Mask]
Node = Callable[[Sequence[OpSite], Sequence[LadderMark], int], Test]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<sign>==|!=|<=|>=|[<>~&|!()=])|(?P<word>[^\s"'<>=~&|!()]+))"""
)
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zµ]*)", re.IGNORECASE)
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "kb": 1e3, "mb": 1e6, "gb": 1e9, "b": 1.0}
_TIMES = {"": 1.0, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}
_COMPARE: dict[str, Callable[[Any, float], Any]] = {
    "==": lambda values, number: values == number,
    "!=": lambda values, number: values != number,
    "<": lambda values, number: values < number,
    "<=": lambda values, number: values <= number,
    ">": lambda values, number: values > number,
    ">=": lambda values, number: values >= number,
}
_FLAGS = {
    "nan": OpFlags.NAN,
    "inf": OpFlags.INF,
    "edited": OpFlags.EDITED,
    "skipped": OpFlags.SKIPPED,
    "failed": OpFlags.FAILED,
    "view": OpFlags.VIEW,
    "inplace": OpFlags.IN_PLACE,
    "backward": OpFlags.BACKWARD,
}
_COLUMNS = {
    "time": "duration_us",
    "memory": "memory_delta",
    "thread": "thread",
    "min": "minimum",
    "max": "maximum",
    "mean": "mean",
    "norm": "norm",
}
_SITE_NUMBERS: dict[str, Callable[[OpSite], float]] = {
    "line": lambda site: site.line,
    "flops": lambda site: site.flops,
    "bytes": lambda site: site.nbytes,
}
_MARK_NUMBERS: dict[str, Callable[[LadderMark], float]] = {
    "step": lambda mark: mark.step,
    "image": lambda mark: mark.image,
}
_TEXTS = (
    "op",
    "module",
    "class",
    "file",
    "function",
    "shape",
    "in_shape",
    "dtype",
    "device",
    "kernel",
    "phase",
)
_NUMBERS = ("number", *_SITE_NUMBERS, *_MARK_NUMBERS, *_COLUMNS)


@dataclass(frozen=True)
class _Token:
    kind: str  # text, sign, word, end
    text: str
    place: int  # in the filter, from 1


class OpFilter:
    """A filter that was understood. Raises BadInputError with the character where it is not."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._node = _Parser(text).parse()

    def matcher(self, sites: Sequence[OpSite], marks: Sequence[LadderMark], first: int = 0) -> Test:
        """Rows (of `OP_ROW`) → which of them match. `first`: the number of the first of these rows."""
        return self._node(sites, marks, first)

    def matching(
        self, rows: Rows, sites: Sequence[OpSite], marks: Sequence[LadderMark]
    ) -> npt.NDArray[np.int64]:
        """The numbers of the rows that match, of all rows of a trace."""
        return np.flatnonzero(self.matcher(sites, marks)(rows))


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._now
        self._at += 1
        return token

    def parse(self) -> Node:
        if self._now.kind == "end":
            raise BadInputError("The filter is empty; write a word, or a condition such as time > 500.")
        node = self._either()
        if self._now.kind != "end":
            raise _wrong(self._now, "write & or | between two conditions")
        return node

    def _either(self) -> Node:
        node = self._both()
        while self._now.text == "|" and self._now.kind == "sign":
            self._next()
            node = _joined(node, self._both(), np.logical_or)
        return node

    def _both(self) -> Node:
        node = self._single()
        while self._now.text == "&" and self._now.kind == "sign":
            self._next()
            node = _joined(node, self._single(), np.logical_and)
        return node

    def _single(self) -> Node:
        token = self._next()
        if token.kind == "sign" and token.text == "!":
            inner = self._single()
            return lambda sites, marks, first: _negated(inner(sites, marks, first))
        if token.kind == "sign" and token.text == "(":
            node = self._either()
            if self._now.text != ")" or self._now.kind != "sign":
                raise _wrong(self._now, f"the bracket of character {token.place} is not closed")
            self._next()
            return node
        if token.kind in ("sign", "end"):
            raise _wrong(token, "a condition is missing here")
        return self._condition(token)

    def _condition(self, token: _Token) -> Node:
        sign = self._now
        if sign.kind != "sign" or sign.text not in (*_COMPARE, "~", "="):
            name = token.text.lower()
            if token.kind == "word" and name in _FLAGS:
                return _flag(_FLAGS[name])
            return _word(token.text)
        name = token.text.lower()
        self._next()
        value = self._next()
        if value.kind not in ("text", "word"):
            raise _wrong(value, f"what {name} is compared with is missing")
        compare = "==" if sign.text == "=" else sign.text
        if token.kind == "word" and name in _TEXTS:
            if compare not in ("==", "!=", "~"):
                raise _wrong(sign, f"{name} is a text; compare it with ==, != or ~")
            return _text(name, compare, value)
        if token.kind == "word" and name in _NUMBERS:
            if compare == "~":
                raise _wrong(sign, f"{name} is a number; compare it with ==, !=, <, <=, > or >=")
            return _number(name, compare, _parsed_number(name, value))
        if token.kind == "word" and name in _FLAGS:
            raise _wrong(sign, f"{name} is true or not; write {name} or !{name}")
        known = ", ".join((*_TEXTS, *_NUMBERS, *_FLAGS))
        raise _wrong(token, f"there is no field '{token.text}'; there are {known}")


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        if text[at:].strip() == "":
            break
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip()) + 1
            raise BadInputError(f"At character {place}: the quotation mark is not closed.")
        kind = match.lastgroup or "word"
        value = match.group(kind)
        found.append(_Token(kind, value[1:-1] if kind == "text" else value, match.start(kind) + 1))
        at = match.end()
    found.append(_Token("end", "", len(text) + 1))
    return found


def _wrong(token: _Token, what: str) -> BadInputError:
    return BadInputError(f"At character {token.place}: {what}.")


def _parsed_number(name: str, value: _Token) -> float:
    match = _NUMBER.fullmatch(value.text.strip().replace("_", ""))
    scales = _TIMES if name == "time" else _SCALES
    unit = match.group(2).lower() if match else ""
    if match is None or unit not in scales:
        example = "500 or 2ms" if name == "time" else "500, 1e3 or 10M"
        raise _wrong(value, f"'{value.text}' is no number; write one such as {example}")
    return float(match.group(1)) * scales[unit]


# --- leaves: each looks at sites or marks once, and at rows by the numbers of these


def _joined(left: Node, right: Node, how: Callable[[Mask, Mask], Any]) -> Node:
    def node(sites: Sequence[OpSite], marks: Sequence[LadderMark], first: int) -> Test:
        one, other = left(sites, marks, first), right(sites, marks, first)
        return lambda rows: how(one(rows), other(rows))

    return node


def _negated(test: Test) -> Test:
    return lambda rows: ~test(rows)


def _flag(flag: OpFlags) -> Node:
    return lambda sites, marks, first: lambda rows: (rows["flags"] & np.uint16(flag)) != 0


def _by_site(judge: Callable[[OpSite], Any], kind: Any = np.bool_) -> Callable[[Sequence[OpSite]], Any]:
    def table(sites: Sequence[OpSite]) -> Any:
        return np.fromiter((judge(site) for site in sites), kind, len(sites))

    return table


def _site_node(judge: Callable[[OpSite], bool]) -> Node:
    def node(sites: Sequence[OpSite], marks: Sequence[LadderMark], first: int) -> Test:
        table = _by_site(judge)(sites)
        return lambda rows: table[rows["site"]]

    return node


def _mark_node(judge: Callable[[LadderMark], bool]) -> Node:
    def node(sites: Sequence[OpSite], marks: Sequence[LadderMark], first: int) -> Test:
        # a trace that was cut off may name a mark that it lost
        table = np.fromiter((judge(mark) for mark in (*marks, LadderMark())), np.bool_, len(marks) + 1)
        return lambda rows: table[np.minimum(rows["mark"], len(marks))]

    return node


def _word(text: str) -> Node:
    wanted = text.lower()
    return _site_node(lambda site: wanted in site.op.lower() or wanted in site.module.lower())


def _number(name: str, compare: str, number: float) -> Node:
    judge = _COMPARE[compare]
    if name in _SITE_NUMBERS:
        of_site = _SITE_NUMBERS[name]
        return _site_node(lambda site: bool(judge(of_site(site), number)))
    if name in _MARK_NUMBERS:
        of_mark = _MARK_NUMBERS[name]
        return _mark_node(lambda mark: bool(judge(of_mark(mark), number)))
    if name == "number":
        return lambda sites, marks, first: lambda rows: judge(np.arange(first, first + len(rows)), number)
    column = _COLUMNS[name]

    def node(sites: Sequence[OpSite], marks: Sequence[LadderMark], first: int) -> Test:
        def test(rows: Rows) -> Mask:
            values = rows[column]
            # statistics that were not taken are NaN, and match nothing
            return (
                judge(values, number) & ~np.isnan(values)
                if values.dtype.kind == "f"
                else judge(values, number)
            )

        return test

    return node


def _text(name: str, compare: str, value: _Token) -> Node:
    matches = _text_judge(name, compare, value)
    if compare == "!=":
        equal = matches
        matches = lambda thing: not equal(thing)  # noqa: E731
    return _mark_node(matches) if name == "phase" else _site_node(matches)


def _text_judge(name: str, compare: str, value: _Token) -> Callable[[Any], bool]:
    if name in ("shape", "in_shape"):
        pattern = _shape(value)
        side = "outputs" if name == "shape" else "inputs"
        return lambda site: any(_fits(pattern, meta.shape) for meta in getattr(site, side))
    fits = _matcher(value.text, compare)
    match name:
        case "op":
            return lambda site: any(fits(one) for one in _op_names(site.op))
        case "file":
            return lambda site: fits(site.file) or fits(site.file.replace("\\", "/").rpartition("/")[2])
        case "dtype":
            return lambda site: any(fits(meta.dtype) for meta in site.outputs)
        case "device":
            return lambda site: any(fits(one) for meta in site.outputs for one in _device_names(meta))
        case "class":
            return lambda site: fits(site.module_class)
        case "phase":
            return lambda mark: fits(mark.phase)
        case _:
            return lambda site: fits(getattr(site, name))


def _matcher(text: str, compare: str) -> Callable[[str], bool]:
    wanted = text.lower()
    if compare == "~":
        pattern = re.compile(fnmatch.translate(wanted))
        return lambda given: pattern.match(given.lower()) is not None
    return lambda given: given.lower() == wanted


def _op_names(op: str) -> tuple[str, ...]:
    """aten.mm.default, aten.mm, mm."""
    parts = op.split(".")
    return op, ".".join(parts[:-1]) if len(parts) > 2 else op, parts[1] if len(parts) > 1 else op


def _device_names(meta: TensorMeta) -> tuple[str, str]:
    return meta.device, meta.device.partition(":")[0]


_ANY_SIZES = -1


def _shape(value: _Token) -> tuple[int | None, ...]:
    """ "2,64,*" → (2, 64, None); "..." → -1."""
    sizes: list[int | None] = []
    for part in re.split(r"[,x× ]+", value.text.strip().strip("()[]")):
        if part in ("*", "?"):
            sizes.append(None)
        elif part in ("...", "…"):
            sizes.append(_ANY_SIZES)
        elif part.isascii() and part.isdigit():
            sizes.append(int(part))
        elif part:
            raise _wrong(value, f"'{part}' is no size; write shapes as 2,64,* or 2,...,8")
    return tuple(sizes)


def _fits(pattern: tuple[int | None, ...], shape: tuple[int, ...]) -> bool:
    if not pattern:
        return not shape
    first, rest = pattern[0], pattern[1:]
    if first == _ANY_SIZES:
        return any(_fits(rest, shape[skipped:]) for skipped in range(len(shape) + 1))
    return bool(shape) and first in (None, shape[0]) and _fits(rest, shape[1:])
