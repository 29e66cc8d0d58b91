"""Which module is running, on each thread: kept by hooks that exist only while the debugger is attached.

Global hooks of `torch.nn` see every module that is called, also those that were made on the fly. A module
that was compiled runs without them (see `compiled_regions`): its insides are not seen, its border is.
"""

from __future__ import annotations

import itertools
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from torch import nn
from torch.compiler import is_compiling
from torch.nn.modules import module as nn_module

__all__ = ["Border", "ModuleInfo", "ModuleStack"]


class ModuleInfo:
    """One module under the name that it has in the models: `path` begins with the model's part,
    "unet.mid_block"."""

    __slots__ = ("class_name", "index", "path")

    def __init__(self, index: int, path: str, class_name: str) -> None:
        self.index, self.path, self.class_name = index, path, class_name


_TWICE = r"Using `torch.compile\(module\)` when there are global hooks"

Border = Callable[[ModuleInfo, int, tuple[tuple[Any, ...], dict[str, Any]], Any], Any]


class _Threads(threading.local):
    def __init__(self) -> None:
        self.stack: list[ModuleInfo] = []


class ModuleStack:
    """`on_enter(info, depth, (args, kwargs), None)` and `on_exit(info, depth, (args, kwargs), output)` may
    return a replacement of the arguments and of the output. They are called only while `watched` is set,
    since each call costs time. `depth` is 1 for an outermost module.
    """

    def __init__(self, roots: Mapping[str, nn.Module]) -> None:
        self._counter = itertools.count(1)
        self.outside = ModuleInfo(0, "", "")
        self.infos: dict[int, ModuleInfo] = {}  # by id of a module, which `_alive` keeps
        self._alive: list[nn.Module] = []
        self._threads = _Threads()
        self._handles: list[Any] = []
        self._hooks: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self._entered: nn.Module | None = None
        self.watched = False
        self.on_enter: Border | None = None
        self.on_exit: Border | None = None
        for part, root in roots.items():
            for name, child in root.named_modules():
                self._know(child, f"{part}.{name}" if name else part)

    def _know(self, module: nn.Module, path: str) -> ModuleInfo:
        known = self.infos.get(id(module))
        if known is None:
            known = ModuleInfo(next(self._counter), path, type(module).__name__)
            self.infos[id(module)] = known
            self._alive.append(module)  # so that its id stays its own
        return known

    # --- what runs

    @property
    def current(self) -> ModuleInfo:
        stack = self._threads.stack
        return stack[-1] if stack else self.outside

    @property
    def stack(self) -> list[ModuleInfo]:
        """Of this thread, outermost first. Not to be changed."""
        return self._threads.stack

    @property
    def depth(self) -> int:
        return len(self._threads.stack)

    def known(self) -> list[tuple[ModuleInfo, nn.Module]]:
        """Every module by name, parents before children."""
        alive = list(self._alive)
        return [(self.infos[id(module)], module) for module in alive]

    def seed(self, path: str) -> None:
        """Attached inside of the module with this path: it and those around it are taken as entered."""
        by_path = {info.path: info for info in self.infos.values()}
        parts = path.split(".")
        above = (".".join(parts[: length + 1]) for length in range(len(parts)))
        self._threads.stack[:] = [by_path[one] for one in above if one in by_path]

    # --- hooks

    @property
    def is_attached(self) -> bool:
        return self._hooks is not None

    def attach(self) -> None:
        if self._hooks is not None:
            return
        threads, infos, know = self._threads, self.infos, self._know

        def before(module: nn.Module, inputs: tuple[Any, ...]) -> Any:
            if is_compiling():  # of a function that calls modules: not to be compiled into it
                return None
            if module is self._entered:
                self._entered = None
                return None
            info = infos.get(id(module))
            stack = threads.stack
            if info is None:
                above = stack[-1].path if stack else ""
                own = type(module).__name__
                info = know(module, f"{above}.<{own}>" if above else f"<{own}>")
            stack.append(info)
            if self.watched and self.on_enter is not None:
                # global hooks are not given keyword arguments; the caller has them
                kwargs = sys._getframe(1).f_locals.get("kwargs") or {}
                new = self.on_enter(info, len(stack), (inputs, kwargs), None)
                if new is not None:
                    kwargs.update(new[1])
                    return new[0]
            return None

        def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
            if is_compiling():
                return None
            stack = threads.stack
            info = infos.get(id(module))
            # attached in the middle of a forward, the stack lacks those that were entered before
            if info is None or info not in stack:
                return None
            while stack and stack[-1] is not info:
                stack.pop()
            replaced = None
            try:
                if self.watched and self.on_exit is not None:
                    kwargs = sys._getframe(1).f_locals.get("kwargs") or {}
                    replaced = self.on_exit(info, len(stack), (inputs, kwargs), output)
            finally:
                stack.pop()
            return replaced

        self._hooks = before, after
        self._register()

        # torch warns of hooks being called twice for a compiled module, for it and for what it wraps: the
        # tree has it under both names
        warnings.filterwarnings("ignore", message=_TWICE)

    def detach(self) -> None:
        for one in [one for one in warnings.filters if getattr(one[1], "pattern", "") == _TWICE]:
            cast("list[Any]", warnings.filters).remove(one)
        self._remove()
        self._hooks = None
        self._threads.stack.clear()

    def _register(self) -> None:
        assert self._hooks is not None
        before, after = self._hooks
        self._handles = [
            nn_module.register_module_forward_pre_hook(before),
            nn_module.register_module_forward_hook(after, always_call=True),
        ]

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    # --- compiled modules: the hooks are kept out of them

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Without the hooks, in every thread. They are not put back if they were detached meanwhile."""
        attached, hooks = bool(self._handles), self._hooks
        self._remove()
        try:
            yield
        finally:
            if attached and self._hooks is hooks and not self._handles:
                self._register()

    def entering(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """A compiled module is about to be called: what a hook would do. The arguments to call it with."""
        if self._hooks is not None:
            new = self._hooks[0](module, args)
            return args if new is None else tuple(new)
        if self.watched and self.on_enter is not None:
            info = self._know(module, "")
            new = self.on_enter(info, info.path.count(".") + 1, (args, kwargs), None)
            if new is not None:
                kwargs.update(new[1])
                return tuple(new[0])
        return args

    def leaving(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """It has been called, or has failed (`output` is None). What it is to give."""
        replaced = None
        if self._hooks is not None:
            replaced = self._hooks[1](module, args, output)
        elif self.watched and self.on_exit is not None:
            info = self._know(module, "")
            replaced = self.on_exit(info, info.path.count(".") + 1, (args, kwargs), output)
        return output if replaced is None else replaced

    @contextmanager
    def entered_already(self, module: nn.Module) -> Iterator[None]:
        """The next call of this module is the one whose entry was told of already."""
        self._entered = module if self._hooks is not None else None
        try:
            yield
        finally:
            self._entered = None
