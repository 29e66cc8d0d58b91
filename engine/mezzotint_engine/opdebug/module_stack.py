"""Which module is running, on each thread: known by a `__call__` of `nn.Module` that exists only while the
debugger is attached.

That sees every module that is called, also those that were made on the fly, at a fifth of the price of
PyTorch's global hooks, which send each call down a slow path. A module that was compiled runs without it (see
`compiled_regions`): its insides are not seen, its border is.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn
from torch.compiler import is_dynamo_compiling

__all__ = ["Border", "ModuleInfo", "ModuleStack"]


class ModuleInfo:
    """One module under the name that it has in the models: `path` begins with the model's part,
    "unet.mid_block"."""

    __slots__ = ("class_name", "index", "path")

    def __init__(self, index: int, path: str, class_name: str) -> None:
        self.index, self.path, self.class_name = index, path, class_name


Border = Callable[[ModuleInfo, int, tuple[tuple[Any, ...], dict[str, Any]], Any], Any]


class ThreadPlace(threading.local):
    """Of each thread: the modules that run on it, outermost first, and its number for the trace (-1: none
    yet)."""

    def __init__(self) -> None:
        self.stack: list[ModuleInfo] = []
        self.number = -1


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
        self.threads = ThreadPlace()
        self._original: Callable[..., Any] | None = None  # nn.Module.__call__ while ours stands in its place
        self._seeded: dict[ModuleInfo, Any] = {}  # entered before we were attached, with the hook at its exit
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
        stack = self.threads.stack
        return stack[-1] if stack else self.outside

    @property
    def stack(self) -> list[ModuleInfo]:
        """Of this thread, outermost first. Not to be changed."""
        return self.threads.stack

    @property
    def depth(self) -> int:
        return len(self.threads.stack)

    def known(self) -> list[tuple[ModuleInfo, nn.Module]]:
        """Every module by name, parents before children."""
        alive = list(self._alive)
        return [(self.infos[id(module)], module) for module in alive]

    # --- attached

    @property
    def is_attached(self) -> bool:
        return self._original is not None

    def attach(self) -> None:
        """Every call of a module goes through us from here on, in all threads."""
        if self._original is not None:
            return
        original = self._original = nn.Module.__call__
        threads, infos = self.threads, self.infos

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if is_dynamo_compiling():  # not to be compiled into what calls modules
                return original(module, *args, **kwargs)
            info = infos.get(id(module)) or self._meet(module)
            stack = threads.stack
            if self._seeded:
                self._leave_seeded(info)
            stack.append(info)
            try:
                if not self.watched:
                    return original(module, *args, **kwargs)
                args = self._tell_entry(info, len(stack), args, kwargs)
                return self._tell_exit(info, len(stack), args, kwargs, original(module, *args, **kwargs))
            finally:
                if stack and stack[-1] is info:
                    stack.pop()
                else:
                    _leave(stack, info)

        nn.Module.__call__ = call

    def detach(self) -> None:
        if self._original is not None:
            nn.Module.__call__ = self._original
            self._original = None
        self._forget_seeded()
        self.threads.stack.clear()

    def _meet(self, module: nn.Module) -> ModuleInfo:
        """One that was made on the fly, or lies outside of the models."""
        stack = self.threads.stack
        above, own = stack[-1].path if stack else "", type(module).__name__
        return self._know(module, f"{above}.<{own}>" if above else f"<{own}>")

    def _tell_entry(
        self, info: ModuleInfo, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...]:
        """The arguments to call it with; `kwargs` is changed in place."""
        new = self.on_enter(info, depth, (args, kwargs), None) if self.on_enter is not None else None
        if new is None:
            return args
        kwargs.update(new[1])
        return tuple(new[0])

    def _tell_exit(
        self, info: ModuleInfo, depth: int, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        """What it is to give."""
        if not self.watched or self.on_exit is None:
            return output
        new = self.on_exit(info, depth, (args, kwargs), output)
        return output if new is None else new

    # --- attached in the middle of a forward

    def seed(self, path: str) -> None:
        """Attached inside of the module with this path: it and those around it are taken as entered. A hook
        tells of the exits that PyTorch still looks for hooks at."""
        by_path = {info.path: (info, module) for info, module in self.known()}
        parts = path.split(".")
        above = [".".join(parts[: length + 1]) for length in range(len(parts))]
        self.threads.stack.clear()
        for one in above:
            if one not in by_path:
                continue
            info, module = by_path[one]
            self.threads.stack.append(info)
            exits = partial(self._hook_at_exit, info)
            self._seeded[info] = module.register_forward_hook(exits, with_kwargs=True, always_call=True)

    def _hook_at_exit(
        self, info: ModuleInfo, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        return self._seeded_exits(info, args, kwargs, output)

    def _seeded_exits(
        self, info: ModuleInfo, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        handle = self._seeded.pop(info, None)
        if handle is None:
            return output  # it was told of already
        handle.remove()
        stack = self.threads.stack
        if info not in stack:
            return output
        while stack[-1] is not info:
            stack.pop()
        try:
            return self._tell_exit(info, len(stack), args, kwargs, output)
        finally:
            stack.pop()

    def _leave_seeded(self, entered: ModuleInfo) -> None:
        """Those that can't be around a module that is entered now were left without a word."""
        stack = self.threads.stack
        while stack and stack[-1] in self._seeded and not entered.path.startswith(f"{stack[-1].path}."):
            self._seeded.pop(stack.pop()).remove()

    def _forget_seeded(self) -> None:
        for handle in self._seeded.values():
            handle.remove()
        self._seeded = {}

    # --- only borders of single modules matter, and one was compiled in place

    def entering(self, info: ModuleInfo, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """It is about to be called, not through us. The arguments to call it with; `kwargs` is changed in
        place."""
        return self._tell_entry(info, info.path.count(".") + 1, args, kwargs) if self.watched else args

    def leaving(self, info: ModuleInfo, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """It has been called. What it is to give."""
        if not self.is_attached:
            return self._tell_exit(info, info.path.count(".") + 1, args, kwargs, output)
        return self._seeded_exits(info, args, kwargs, output)


def _leave(stack: list[ModuleInfo], info: ModuleInfo) -> None:
    """With all that was left inside of it without a word. It is not there where we were taken off
    meanwhile."""
    if info in stack:
        while stack.pop() is not info:
            pass
