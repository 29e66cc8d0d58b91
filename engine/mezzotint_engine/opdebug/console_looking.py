"""The console's words for looking: values, tensors, what is shown at each stop, frames; and statements."""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NoReturn

import torch

from mezzotint_engine.opdebug.console_breakpoints import BreakpointCommands, BreakpointOwner
from mezzotint_engine.opdebug.console_place import NOWHERE
from mezzotint_engine.opdebug.console_scope import ConsoleScope
from mezzotint_engine.opdebug.console_values import describe, pretty, said, shown
from mezzotint_engine.opdebug.quick_statistics import sample_of
from mezzotint_engine.opdebug.tensor_expression import value_text
from mezzotint_sdk.errors import BadInputError, MezzotintError

__all__ = ["LookCommands", "SaidError"]


class SaidError(Exception):
    """An expression failed, and that was printed."""


class LookCommands(BreakpointCommands):
    """`place` is the stop that the commands are about."""

    def __init__(self, owner: BreakpointOwner, on_line: Callable[[FrameType, str, object], None]) -> None:
        super().__init__(owner, on_line)
        self.place = NOWHERE
        # by function, or None for what is made of the op's tensors: expression → text when last shown
        self._displays: dict[CodeType | None, dict[str, str]] = {}

    def detach(self) -> None:
        super().detach()
        self.place = NOWHERE
        self._displays.clear()

    # --- values -------------------------------------------------------------------------------------------

    def scope(self) -> ConsoleScope:
        place = self.place
        return ConsoleScope(self.curframe, place.names, place.set_name, place.touch, place.about_to_change)

    def _getval(self, arg: str) -> Any:
        if not arg.strip():
            raise BadInputError("Say what: an expression on the tensors of the op and the frame's variables.")
        try:
            return self.scope().value(arg)
        except BaseException as error:
            self._refuse(error)

    def _text_of(self, expression: str) -> str:
        try:
            return shown(self.scope().value(expression))
        except BaseException as error:
            return f"** raised {said(error)} **"

    def _refuse(self, error: BaseException) -> NoReturn:
        hint = ""
        if isinstance(error, NameError) and any(not past.live for past in self.place.recorded):
            hint = " (this op is one of backward: the variables of the forward line are gone)"
        self.error(said(error) + hint)
        raise SaidError from None

    def default(self, line: str) -> None:
        """A statement: what it assigns is set in the frame, or takes the place of the op's tensor."""
        hook, sys.displayhook = sys.displayhook, self.displayhook
        try:
            self.scope().execute(line[1:].strip() if line[:1] == "!" else line)
        except MezzotintError:
            raise
        except BaseException as error:
            self._refuse(error)
        finally:
            sys.displayhook = hook

    def displayhook(self, obj: object) -> None:
        if obj is not None:
            self.message(shown(obj))

    def do_p(self, arg: str) -> None:
        """p EXPRESSION: its value. The op's tensors are only looked at: p out.zero_() changes nothing."""
        self.message(shown(self._getval(arg)))

    def do_pp(self, arg: str) -> None:
        """pp EXPRESSION: its value, pretty-printed."""
        self.message(pretty(self._getval(arg)))

    def do_whatis(self, arg: str) -> None:
        """whatis EXPRESSION: its type."""
        value = self._getval(arg)
        if isinstance(value, torch.Tensor):
            self.message(f"{type(value)} {describe(value)}")
            return
        code = getattr(value, "__code__", None)
        kind = "Method" if hasattr(value, "__self__") and code is not None else "Function"
        self.message(f"{kind} {value.__name__}" if code is not None else str(type(value)))

    def do_retval(self, arg: str) -> None:
        """rv, retval: what the function gives back, at a stop where it returns."""
        self.message(shown(self.place.returned))

    do_rv = do_retval

    def do_args(self, arg: str) -> None:
        """a(rgs): the arguments of the frame's function, and the tensors of the op."""
        if self.curframe is not None:
            own, known = self.curframe.f_code, self.curframe.f_locals
            starred = bool(own.co_flags & 4) + bool(own.co_flags & 8)  # *args, **kwargs
            count = own.co_argcount + own.co_kwonlyargcount + starred
            for name in own.co_varnames[:count]:
                if name in known:
                    self.message(f"{name} = {shown(known[name], short=True)}")
        self.do_tensors("")

    do_a = do_args

    def do_tensors(self, arg: str) -> None:
        """tensors: the inputs and outputs of the op, by the names that expressions have for them."""
        named = dict(self.place.names)
        outs = named.get("outs")
        named.update({f"outs[{i}]": one for i, one in enumerate(outs) if i} if isinstance(outs, list) else {})
        for name, value in named.items():
            if isinstance(value, torch.Tensor):
                self.message(f"{name}: {describe(value)}{_few_values(value)}")

    def do_stats(self, arg: str) -> None:
        """stats NAME: least, greatest, mean, norm, NaN and Inf of a tensor or expression."""
        value = self._getval(arg.strip() or "out")
        if not isinstance(value, torch.Tensor):
            raise BadInputError(f"{arg.strip() or 'out'} is no tensor.")
        found = sample_of(value)
        marks = " NaN" * found.nan + " Inf" * found.inf
        self.message(
            f"{describe(value)}: min {found.minimum:.6g}, max {found.maximum:.6g}, mean {found.mean:.6g}, "
            f"norm {found.norm:.6g}{marks}"
        )

    # --- display ------------------------------------------------------------------------------------------

    def do_display(self, arg: str) -> None:
        """display [EXPRESSION]: its value, at each stop in this function where it is another than before; at
        every stop, where it is made of the op's tensors alone."""
        expression = arg.strip()
        if not expression:
            for known in self._displays.values():
                for one in known:
                    self.message(f"display {one}: {self._text_of(one)}")
            return
        try:
            used = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
        except SyntaxError as error:
            self._refuse(error)
        names = self.place.names
        is_of_op = any(isinstance(names.get(name), torch.Tensor) for name in used)
        place = None if is_of_op or self.curframe is None else self.curframe.f_code
        text = self._text_of(expression)
        self._displays.setdefault(place, {})[expression] = text
        self.message(f"display {expression}: {text}")

    def do_undisplay(self, arg: str) -> None:
        """undisplay [EXPRESSION]: show it no more; without one, nothing."""
        expression = arg.strip()
        if expression and not any(expression in known for known in self._displays.values()):
            raise BadInputError(f"'{expression}' is not displayed.")
        for known in self._displays.values():
            for one in [expression] if expression else list(known):
                known.pop(one, None)

    def preloop(self) -> None:
        for place, known in self._displays.items():
            if place is not None and (self.curframe is None or self.curframe.f_code is not place):
                continue
            scope = self.scope()
            for expression, before in known.items():
                try:
                    text = shown(scope.value(expression))
                except BaseException as error:
                    if place is None:
                        continue  # there is no op here, or one of other tensors
                    text = f"** raised {said(error)} **"
                if text != before:
                    known[expression] = text
                    self.message(f"display {expression}: {text}  [old: {before}]")

    # --- where --------------------------------------------------------------------------------------------

    def do_where(self, arg: str) -> None:
        """w(here): the Python frames, the newest last; in backward the line of forward that the op belongs
        to."""
        for index, (frame, line) in enumerate(self.stack):
            mark = ">" if index == self.curindex else " "
            file = frame.f_code.co_filename
            self.message(f"{mark} {file}({line}){frame.f_code.co_qualname}")
            self.message(f"-> {linecache.getline(file, line).strip()}")
        for past in self.place.recorded:
            if not past.live:
                self.message(f"  (forward) {past.file}({past.line}){past.function}: no live variables")
                self.message(f"-> {linecache.getline(past.file, past.line).strip()}")

    do_w = do_bt = do_where


def _few_values(value: torch.Tensor) -> str:
    """The values themselves, where they fit beside the name."""
    if not 0 < value.numel() < 9 or value.device.type == "meta":
        return ""
    return f": {value_text(value)}"
