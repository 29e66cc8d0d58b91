"""Breakpoints as people write them: on the command line, in the console, in a list.

A breakpoint is one or several conditions, joined by commas or by ` and `; all must hold.

=============================  ===============================================================================
``op=aten.mm*``                op by name or glob: ``aten.mm.default``, ``aten.mm`` and ``mm`` all mean it
``module=unet.mid_block.*``    module by path or glob (``*`` crosses dots); no dot: also a path's last name
``file.py:120``, ``file.py``   source line, or any line of a file; also ``file=… , line=…``
``step=3``, ``phase=decode``   sampler step or iteration (from 0), phase
``shape=[2,64,*]``             of any output: ``*`` any size, ``...`` any sizes, also ``2x64x*``
``dtype=float16``              also ``fp16``, ``bf16``, …
``device=cuda*``
``nan``, ``inf``               appears: in an output and in no input
``out.abs().max() > 1e3``      any expression on ``out``, ``outs``, ``ins``, ``a``, ``b``, …
``if EXPRESSION``              the same; takes all the rest of the text
``before``, ``after``          the op runs; also ``when=before``
``ignore=5``, ``temporary``    let hits pass first; only once
``log='max {out.max()}'``      print and go on
``disabled``
=============================  ===============================================================================

A word alone is understood as the first of these that fits: a flag above (``nan``, ``temporary``, …); a
file (``….py``, ``….py:7``); a shape in brackets; an op (``ns::…``, or a known namespace as in ``aten.…``); a
dtype; a device (``cpu``, ``cuda…``, ``mps``, …); a phase; an expression (begins with ``out.``, ``ins``,
``a.``, ``torch.``, …); one of the modules that the caller knows, or anything with a dot: a module; a word
that names or, as a glob, matches some op of torch (``mm``, ``*softmax*``): that op; else a module by its last
name (``attn1``).
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch

from mezzotint_engine.opdebug.breakpoint_matching import BreakpointTest, dtype_named
from mezzotint_sdk import phases
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.errors import BadInputError

__all__ = ["breakpoint_from_text", "breakpoint_text"]

_TRAINING_PHASES = ("forward", "loss", "backward", "clip", "optimizer", "ema")
_PHASES = frozenset((*phases.GENERATE_PHASES, *_TRAINING_PHASES))
_DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "hip", "hpu", "privateuseone")
_FLAGS: dict[str, tuple[str, object]] = {
    "nan": ("nan", True),
    "inf": ("inf", True),
    "temporary": ("temporary", True),
    "temp": ("temporary", True),
    "once": ("temporary", True),
    "before": ("when", "before"),
    "after": ("when", "after"),
    "disabled": ("enabled", False),
    "enabled": ("enabled", True),
}
_NUMBERS = frozenset({"line", "step", "ignore"})
_TEXTS = frozenset({"op", "module", "file", "phase", "shape", "dtype", "device", "log"})
_KEYED = re.compile(r"(?P<key>[A-Za-z_]+)\s*=(?!=)\s*(?P<value>.*)", re.DOTALL)
_WORD = re.compile(r"[\w.*?\[\]!:/\\\-<>]+")
_FILE = re.compile(r"(?P<file>[^\s:=]*(?::[\\/])?[^\s:=]*\.pyi?)(?::(?P<line>\d+))?")
_COMPARED = re.compile(r"(?P<key>step|phase)\s*==\s*(?P<value>\d+|'\w*'|\"\w*\")")
_SHAPE = re.compile(r"[\[(]\s*(?:(?:\d+|\*|\.\.\.)\s*,?\s*)*[\])]")
_SIZES_GO_ON = re.compile(r"\s*(?:\d+|\*|\.\.\.)\s*[\])]?")
_OF_TENSORS = re.compile(r"(?:out|outs|ins|[a-z]|in\d+|torch|math|np)(?:[.\[].*)")
_NO_CONDITION = "every op"


def breakpoint_from_text(text: str, modules: Collection[str] = (), breakpoint_id: int = 0) -> Breakpoint:
    """The breakpoint that `text` describes (grammar above); `modules`: paths known, to tell them from ops.

    Raises `BadInputError` with one sentence.
    """
    if not text.strip():
        raise BadInputError(
            "Say where to stop, as 'aten.mm*', 'unet.mid_block.*', 'file.py:120', 'step=3' or 'nan'."
        )
    fields: dict[str, Any] = {}
    expression = ""
    fragment_open = False
    for separator, item in _items(text):
        if item.startswith("if ") or item.startswith("if("):
            expression, fragment_open = _joined(expression, ",", item[2:].strip()), False
            continue
        if _continues_shape(fields, separator, item, fragment_open):
            fields["shape"] += f",{item.strip()}"
            continue
        found = _classified(item, modules)
        if found is None:
            expression = _joined(expression, separator if fragment_open else ",", item)
            fragment_open = True
            continue
        fragment_open = False
        for key, value in found.items():
            if key == "expression":
                expression = _joined(expression, ",", str(value))
            elif key in fields:
                raise BadInputError(
                    f"'{_short(text)}' gives {key} twice ('{fields[key]}', '{value}'); set two breakpoints."
                )
            else:
                fields[key] = value
    if expression:
        fields["expression"] = expression
    if "shape" in fields:
        fields["shape"] = fields["shape"].strip("[]() ") or "()"
    made = Breakpoint(breakpoint_id=breakpoint_id, **fields)
    BreakpointTest(made)  # says in a sentence what can't be: a dtype, a shape, an expression
    return made


def breakpoint_text(breakpoint: Breakpoint) -> str:
    """The shortest text that gives this breakpoint again, without its number and its hits."""
    said = []
    if breakpoint.op:
        said.append(f"op={breakpoint.op}")
    if breakpoint.module:
        said.append(f"module={breakpoint.module}")
    if breakpoint.file:
        said.append(f"file={breakpoint.file}")
    if breakpoint.line:
        said.append(f"line={breakpoint.line}")
    if breakpoint.phase:
        said.append(f"phase={breakpoint.phase}")
    if breakpoint.step >= 0:
        said.append(f"step={breakpoint.step}")
    if breakpoint.shape:
        said.append(f"shape=[{breakpoint.shape.strip().strip('[]()').strip()}]")
    if breakpoint.dtype:
        said.append(f"dtype={breakpoint.dtype}")
    if breakpoint.device:
        said.append(f"device={breakpoint.device}")
    said += [word for word, here in (("nan", breakpoint.nan), ("inf", breakpoint.inf)) if here]
    if not said and not breakpoint.expression:
        said.append(_NO_CONDITION)
    if breakpoint.when == "before":
        said.append("before")
    if breakpoint.ignore:
        said.append(f"ignore={breakpoint.ignore}")
    if breakpoint.temporary:
        said.append("temporary")
    if not breakpoint.enabled:
        said.append("disabled")
    if breakpoint.log:
        said.append(f"log={_quoted(breakpoint.log)}")
    if breakpoint.expression:
        said.append(f"if {breakpoint.expression.strip()}")
    return ", ".join(said)


def _items(text: str) -> Iterator[tuple[str, str]]:
    """(separator before it, item): split at commas and ` and ` outside brackets and quotes; `if` takes the
    rest."""
    depth, quote, start, separator = 0, "", 0, ""
    position = 0
    while position < len(text):
        letter = text[position]
        if quote:
            if letter == "\\":
                position += 1
            elif letter == quote:
                quote = ""
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif depth <= 0:
            if start == position and text.startswith(("if ", "if("), position):
                yield separator, text[position:].strip()
                return
            found = (
                ","
                if letter == ","
                else " and "
                if re.match(r"\sand\s", text[position : position + 5])
                else ""
            )
            if found:
                yield from _item(separator, text[start:position], text)
                separator = found
                position += len(found)
                while position < len(text) and text[position].isspace():
                    position += 1
                start = position
                continue
            if start == position and letter.isspace():
                start += 1
        position += 1
    if quote or depth > 0:
        raise BadInputError(f"'{_short(text)}' has a bracket or a quote that is never closed.")
    yield from _item(separator, text[start:], text)


def _item(separator: str, item: str, text: str) -> Iterator[tuple[str, str]]:
    if not item.strip():
        raise BadInputError(f"'{_short(text)}' has nothing before or after a comma or 'and'.")
    yield separator, item.strip()


def _continues_shape(fields: dict[str, Any], separator: str, item: str, fragment_open: bool) -> bool:
    """`shape=2,64,*` was split at its commas."""
    return (
        separator == ","
        and not fragment_open
        and list(fields)[-1:] == ["shape"]
        and bool(_SIZES_GO_ON.fullmatch(item))
    )


def _classified(item: str, modules: Collection[str]) -> dict[str, Any] | None:
    """Fields of one condition; None when it is (a piece of) an expression."""
    if item == _NO_CONDITION:
        return {}
    if compared := _COMPARED.fullmatch(item):
        return {compared["key"]: _value(compared["key"], compared["value"])}
    keyed = _KEYED.fullmatch(item)
    if keyed:
        return _of_key(keyed["key"].lower(), keyed["value"].strip(), item)
    if item.lower() in _FLAGS:
        key, value = _FLAGS[item.lower()]
        return {key: value}
    if file := _FILE.fullmatch(item):
        return {"file": file["file"]} | ({"line": int(file["line"])} if file["line"] else {})
    if _SHAPE.fullmatch(item):
        return {"shape": item.strip("[]() ") or "()"}
    return _of_word(item, modules) if _WORD.fullmatch(item) and not re.search(r"[<>]", item) else None


def _of_key(key: str, value: str, item: str) -> dict[str, Any]:
    if key in {"if", "condition", "expression"}:
        return {"expression": value}
    if key in {"at", "source"}:
        file = _FILE.fullmatch(value)
        if not file:
            raise BadInputError(f"'{item}' is no source line; write it as 'file.py:120'.")
        return {"file": file["file"]} | ({"line": int(file["line"])} if file["line"] else {})
    if key in {"nan", "inf", "temporary", "enabled"}:
        if value.lower() not in {"true", "false", "yes", "no", "1", "0"}:
            raise BadInputError(f"'{item}': {key} is true or false.")
        return {key: value.lower() in {"true", "yes", "1"}}
    if key == "when":
        if value not in {"before", "after"}:
            raise BadInputError(f"'{item}': a breakpoint is 'before' or 'after' its op.")
        return {key: value}
    if key not in _NUMBERS and key not in _TEXTS:
        known = ", ".join(sorted((*_NUMBERS, *_TEXTS, "when", "temporary", "if")))
        raise BadInputError(
            f"'{_short(item)}': a breakpoint has no '{key}'; it has {known} (and '==' compares)."
        )
    if not value:
        raise BadInputError(f"'{item}' says nothing after '='.")
    return {key: _value(key, value)}


def _value(key: str, value: str) -> object:
    if key in _NUMBERS:
        if not (value.isascii() and value.isdigit()):
            raise BadInputError(
                f"'{key}={_short(value)}': {key} is a whole number from {int(key == 'line')} on."
            )
        return int(value)
    if key == "shape":
        return value if value[0] in "[(" and value[-1] not in "])" else value.strip("[]() ") or "()"
    return _unquoted(value)


def _of_word(word: str, modules: Collection[str]) -> dict[str, Any] | None:
    if "::" in word or word.partition(".")[0] in _op_namespaces():
        return {"op": word.replace("::", ".")}
    if dtype_named(word):
        return {"dtype": dtype_named(word)}
    if re.fullmatch(r"[a-z]+(?::\d+|\*|:\*)?", word) and word.rstrip("*").partition(":")[0] in _DEVICES:
        return {"device": word}
    if word in _PHASES:
        return {"phase": word}
    if _OF_TENSORS.fullmatch(word) or re.fullmatch(r"-?[\d.]+|True|False|None|out|outs|ins", word):
        return None
    if any(fnmatch.fnmatchcase(path, word) for path in modules) or "." in word:
        return {"module": word}
    if any(_names_op(word)):
        return {"op": word}
    return {"module": word} if re.fullmatch(r"[\w*?\-\[\]!]+", word) else None


def _names_op(word: str) -> Iterator[bool]:
    matches: Callable[[str], bool] = functools.partial(_fits, word)
    return (True for name in _op_names() if matches(name))


def _fits(word: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, word)


@functools.cache
def _op_namespaces() -> frozenset[str]:
    registered = {name.partition("::")[0] for name in torch._C._dispatch_get_all_op_names()}
    return frozenset(registered | {"aten", "prims", "prim"}) - _PHASES


@functools.cache
def _op_names() -> tuple[str, ...]:
    """Names without namespace and overload of all ops in torch's own namespace."""
    names = torch._C._dispatch_get_all_op_names()
    return tuple({name[6:].partition(".")[0] for name in names if name.startswith("aten::")})


def _joined(expression: str, separator: str, more: str) -> str:
    """`and` between two pieces of Python stays Python's; a comma joins two whole conditions."""
    if not expression:
        return more
    return f"{expression} and {more}" if separator == " and " else f"({expression}) and ({more})"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "…"
