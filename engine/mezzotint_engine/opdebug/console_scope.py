"""Names and statements of the console: what an expression sees at a stop, and what an assignment changes.

The op's tensors come before variables of the selected frame, and these before the ladder's words (`step`,
`phase`, …). Tensors of the op are never changed where they lie, as that could be a weight, or a view of one:
`out[0] = 1` and `out.zero_()` work on a copy, which then takes the tensor's place. Random numbers that are
drawn here leave the run's generators as they were, unless a statement seeds them.
"""

from __future__ import annotations

import ast
import ctypes
import math
import random
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import CodeType, FrameType
from typing import Any

import numpy as np
import torch

from mezzotint_sdk.errors import BadInputError

__all__ = ["ConsoleScope", "generators_kept", "merged_names"]

_BASE: dict[str, object] = {"torch": torch, "math": math, "np": np}
_LADDER_WORDS = frozenset({"step", "phase", "op", "module"})
_SEEDS = re.compile(r"seed|set_rng_state|set_state|setstate")


def merged_names(frame: FrameType | None, names: Mapping[str, object]) -> dict[str, Any]:
    """What is known at a stop beside a module's own globals. `names`: as `names_of_op` gives them."""
    own = dict(frame.f_locals) if frame is not None else {}
    known = frame.f_globals if frame is not None else {}
    base = {name: value for name, value in _BASE.items() if name not in known}
    words = {name: names[name] for name in _LADDER_WORDS & names.keys() if name not in known}
    return {**base, **words, **own, **_of_op(names), "frame_locals": own}


def _of_op(names: Mapping[str, object]) -> dict[str, object]:
    """Tensors of the op; lists of them where there are any."""
    return {
        name: value
        for name, value in names.items()
        if name not in _LADDER_WORDS and not (isinstance(value, list) and not value)
    }


class ConsoleScope:
    """`set_name` puts a tensor in the place of one of the op's; `touch` is told of a change to a variable of
    the run before it is made. Both raise BadInputError where nothing may be changed. `about_to_change` is
    called before all code that could change weights: what it does with attributes isn't seen here."""

    def __init__(
        self,
        frame: FrameType | None,
        names: Mapping[str, object],
        set_name: Callable[[str, object], None],
        touch: Callable[[str], None],
        about_to_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._frame = frame
        self._of_op = _of_op(names)
        self._set_name, self._touch = set_name, touch
        self._about_to_change = about_to_change
        self.names = merged_names(frame, names)
        self.globals: dict[str, Any] = (
            frame.f_globals if frame is not None else {"__builtins__": __builtins__}
        )

    def has(self, name: str) -> bool:
        return name in self.names

    def everything(self) -> dict[str, Any]:
        return {**self.globals, **self.names}

    # --- looking

    def value(self, text: str) -> Any:
        """What an expression gives. Raises whatever it raises."""
        tree = ast.parse(text.strip(), "<console>", "eval")
        names = {**self.names, **self._copies(tree)}
        if _changed_in_place(tree):
            self._about_to_change()
        with generators_kept():
            return eval(compile(tree, "<console>", "eval"), {**self.globals, **names})

    # --- changing

    def execute(self, text: str) -> None:
        """Run a statement; what it assigns is set. Raises whatever it raises."""
        tree = ast.parse(text + "\n", "<console>", "single")
        code = compile(tree, "<console>", "single")
        self._about_to_change()
        copies = self._copies(tree)
        globally = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
        for name in sorted((_changed_in_place(tree) | globally) - copies.keys()):
            if self._is_of_run(name) or name in self.globals:
                self._touch(f"changed {name} in the console")
        names = {**self.names, **copies}
        # functions and comprehensions see one namespace only; all else may also say `global`
        module = {**self.globals, **names} if _has_inner_code(code) else self.globals
        scope = module if module is not self.globals else names
        before = {**scope, **{name: self.names[name] for name in copies}}
        keeps: AbstractContextManager[None] = nullcontext() if _SEEDS.search(text) else generators_kept()
        with keeps:
            exec(code, module, scope)
        for name, value in list(scope.items()):
            if name != "__builtins__" and (name not in before or before[name] is not value):
                self._assign(name, value)

    def _assign(self, name: str, value: object) -> None:
        if name in self._of_op:
            old = self._of_op[name]
            if isinstance(old, list):
                self._assign_items(name, old, value)
            else:
                self._set_name(name, value)
        elif self._frame is not None:
            if self._is_of_run(name):
                self._touch(f"set {name} in the console")
            _set_local(self._frame, name, value)

    def _assign_items(self, name: str, old: list[Any], value: object) -> None:
        if not isinstance(value, list | tuple) or len(value) != len(old):
            raise BadInputError(f"'{name}' is a list of {len(old)}; give one as long, or set {name}[0].")
        for index, (before, item) in enumerate(zip(old, value, strict=True)):
            if item is not before and not _same(before, item):
                self._set_name(f"{name}[{index}]", item)

    def _copies(self, tree: ast.AST) -> dict[str, Any]:
        """Of the op's tensors that the code would change where they lie."""
        copies: dict[str, Any] = {}
        for name in _changed_in_place(tree) & self._of_op.keys():
            value = self._of_op[name]
            if isinstance(value, torch.Tensor):
                copies[name] = value.clone()
            elif isinstance(value, list):
                copies[name] = [one.clone() if isinstance(one, torch.Tensor) else one for one in value]
        return copies

    def _is_of_run(self, name: str) -> bool:
        """A variable that the run's own code has, rather than one that was made up in the console."""
        if self._frame is None:
            return False
        code = self._frame.f_code
        is_module = self._frame.f_locals is self.globals
        return is_module or name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars)


@contextmanager
def generators_kept() -> Iterator[None]:
    """Draw random numbers without a trace: the run's next ones are what they would have been."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    # asking after devices whose generators don't exist yet would start CUDA
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


class _InPlace(ast.NodeVisitor):
    """Names whose objects the code changes where they lie, as far as that can be seen from the code."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def _note(self, node: ast.expr) -> None:
        while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
            node = node.value
        if isinstance(node, ast.Call):
            self._note(node.func)
        elif isinstance(node, ast.Name):
            self.names.add(node.id)
        elif isinstance(node, ast.Tuple | ast.List):
            for one in node.elts:
                self._note(one)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._note(node.target)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._note_items(target)
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._note_items(target)

    def _note_items(self, target: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for one in target.elts:
                self._note_items(one)
        elif isinstance(target, ast.Subscript | ast.Attribute):
            self._note(target)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute):
            name = function.attr
            if name == "__setitem__" or (name.endswith("_") and not name.startswith("_")):
                self._note(function.value)
                for one in node.args[:1]:  # torch.nn.init.zeros_(out)
                    self._note(one)
        for keyword in node.keywords:
            if keyword.arg == "out":
                self._note(keyword.value)
        self.generic_visit(node)


def _changed_in_place(tree: ast.AST) -> set[str]:
    found = _InPlace()
    found.visit(tree)
    return found.names


def _has_inner_code(code: CodeType) -> bool:
    return any(isinstance(constant, CodeType) for constant in code.co_consts)


def _same(before: object, item: object) -> bool:
    """Copies of one tensor that was left as it was."""
    if not isinstance(before, torch.Tensor) or not isinstance(item, torch.Tensor):
        return False
    if before.shape != item.shape or before.dtype != item.dtype or before.device != item.device:
        return False
    return bool(torch.equal(before, item))


def _set_local(frame: FrameType, name: str, value: object) -> None:
    """Set a variable of a running function. Before Python 3.13 a frame's `f_locals` is a copy, written back
    on request (PEP 667)."""
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
