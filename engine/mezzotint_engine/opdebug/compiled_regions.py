"""Compiled modules while the debugger is attached: stopped at by their borders, called without its hooks, or
eagerly.

Dynamo traces whatever Python it meets, so hooks that stand on modules inside of a compiled region would be
compiled into it (and cost a compilation), and those that are added later never fire (PyTorch 2.13 doesn't
guard them). So a compiled module is called through a wrapper that takes the debugger's hooks away for the
time of the call. A module that was compiled in place (`module.compile()`) runs none of its own hooks outside
of the region either: there the wrapper tells of the border itself.
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
        compiled = [(info.path, module) for info, module in modules.known() if is_compiled(module)]
        self.paths = tuple(path for path, _ in compiled)
        self._in_place = {path for path, module in compiled if _is_in_place(module)}

    def attach(self) -> None:
        if self._undo:
            return
        for info, module in self._modules.known():
            if not is_compiled(module):
                continue
            if _is_in_place(module):
                self._undo.append(self._wrap_in_place(info, module))
            else:
                self._undo.append(self._wrap_forward(info, module))

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
            if torch.compiler.is_compiling():
                return compiled(*args, **kwargs)
            if info.path in self.eager:
                return original(*args, **kwargs)
            with self._modules.hidden():
                return compiled(*args, **kwargs)

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
            if info.path in self.eager:
                return module._call_impl(*args, **kwargs)
            output: Any = None
            args = modules.entering(module, args, kwargs)
            if info.path in self.eager:  # asked for at the stop at its entry
                with modules.entered_already(module):
                    output = module._call_impl(*args, **kwargs)
                return output if modules.is_attached else modules.leaving(module, args, kwargs, output)
            try:
                with modules.hidden():
                    output = compiled(*args, **kwargs)
            finally:
                output = modules.leaving(module, args, kwargs, output)
            return output

        module._compiled_call_impl = call

        def undo() -> None:
            module._compiled_call_impl = compiled

        return undo


def _is_in_place(module: nn.Module) -> bool:
    return getattr(module, "_compiled_call_impl", None) is not None
