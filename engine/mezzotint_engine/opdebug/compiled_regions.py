"""Compiled modules while the debugger is attached: stopped at by their borders, and run eagerly where the
user asks for it.

The debugger's `__call__` of modules is not seen inside of a compiled region: what was compiled before has no
such call, and what is compiled now is told to leave it out. A module that was compiled in place
(`module.compile()`) makes none for itself either, nor runs hooks that were added later (PyTorch 2.13 guards
neither), so a wrapper tells of its border.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from mezzotint_engine.opdebug.module_facts import is_compiled
from mezzotint_engine.opdebug.module_stack import ModuleInfo, ModuleStack
from mezzotint_sdk.errors import BadInputError

__all__ = ["CompiledRegions"]


class CompiledRegions:
    """Of the modules of one run. `eager`: paths of those that are to run uncompiled from their next call
    on."""

    def __init__(self, modules: ModuleStack) -> None:
        self._modules = modules
        self._undo: list[Callable[[], None]] = []
        self.eager: set[str] = set()
        self._compiled = [(info, module) for info, module in modules.known() if is_compiled(module)]
        self.paths = tuple(info.path for info, _ in self._compiled)
        self._in_place = {info.path for info, module in self._compiled if _is_in_place(module)}

    @property
    def note(self) -> str:
        """What the user is to know of them, as a sentence; "" where nothing is compiled."""
        if not self.paths:
            return ""
        names = ", ".join(self.paths[:5])
        return (
            f"{names} is compiled and so is seen at its borders only, unless it is run eagerly "
            f"('eager {self.paths[0]}' in the console)."
        )

    def attach(self) -> None:
        if self._undo:
            return
        for info, module in self._compiled:
            wrap = self._wrap_in_place if info.path in self._in_place else self._wrap_forward
            self._undo.append(wrap(info, module))

    def detach(self) -> None:
        """They are called as they were compiled again."""
        for undo in self._undo:
            undo()
        self._undo = []
        self.eager.clear()

    def is_inside(self, path: str) -> bool:
        """Whether a module lies in a region that runs compiled, or is one that was compiled in place: hooks
        that are put on it don't fire."""
        parts = path.split(".")
        above = {".".join(parts[:length]) for length in range(1, len(parts))}
        return bool(above & (set(self.paths) - self.eager)) or path in self._in_place - self.eager

    def run_eagerly(self, path: str, eager: bool) -> None:
        """Raises BadInputError."""
        if path not in self.paths:
            known = (
                f" Compiled are: {', '.join(self.paths[:5])}." if self.paths else " Nothing is, in this run."
            )
            raise BadInputError(f"{path or 'What runs here'} is not compiled.{known}")
        if eager:
            self.eager.add(path)
        else:
            self.eager.discard(path)

    def _wrap_forward(self, info: ModuleInfo, module: nn.Module) -> Callable[[], None]:
        """What `torch.compile(module)` gave; its own hooks fire outside of the region."""
        compiled: Callable[..., Any] = module.forward
        original: Any = module._orig_mod

        def forward(*args: Any, **kwargs: Any) -> Any:
            is_eager = not torch.compiler.is_compiling() and info.path in self.eager
            return (original if is_eager else compiled)(*args, **kwargs)

        module.forward = forward

        def undo() -> None:
            module.forward = compiled

        return undo

    def _wrap_in_place(self, info: ModuleInfo, module: nn.Module) -> Callable[[], None]:
        """What `module.compile()` has changed."""
        compiled: Callable[..., Any] = module._compiled_call_impl
        modules = self._modules

        def call(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return compiled(*args, **kwargs)
            borders_are_told = modules.is_attached  # by the call that led here
            if not borders_are_told:
                args = modules.entering(info, args, kwargs)
            way = module._call_impl if info.path in self.eager else compiled
            output = way(*args, **kwargs)
            return output if borders_are_told else modules.leaving(info, args, kwargs, output)

        module._compiled_call_impl = call

        def undo() -> None:
            module._compiled_call_impl = compiled

        return undo


def _is_in_place(module: nn.Module) -> bool:
    return getattr(module, "_compiled_call_impl", None) is not None
