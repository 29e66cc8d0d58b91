"""Hooks on single modules: where only borders matter, nothing else is listened to, at a tenth of the
price."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from mezzotint_engine.opdebug.breakpoint_matching import BreakpointTest
from mezzotint_engine.opdebug.module_stack import Border, ModuleInfo, ModuleStack

__all__ = ["BorderHooks"]


class BorderHooks:
    """`on_enter` and `on_exit` as those of `ModuleStack`."""

    def __init__(self, on_enter: Border, on_exit: Border) -> None:
        self._on_enter, self._on_exit = on_enter, on_exit
        self._handles: list[Any] = []

    def attach(
        self, modules: ModuleStack, tests: Iterable[BreakpointTest], is_inside: Callable[[str], bool]
    ) -> None:
        """On the modules that any of these may be about, and no others; not where `is_inside` says that a
        compiled region holds them."""
        self.detach()
        known = tuple(tests)
        if not known:
            return
        for info, module in modules.known():
            if any(test.may_match_module(info.path) for test in known) and not is_inside(info.path):
                before, after = self._before(info), self._after(info)
                self._handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
                self._handles.append(module.register_forward_hook(after, with_kwargs=True))

    def detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _before(self, info: ModuleInfo) -> Callable[..., Any]:
        depth = info.path.count(".") + 1

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return self._on_enter(info, depth, (args, kwargs), None)

        return hook

    def _after(self, info: ModuleInfo) -> Callable[..., Any]:
        depth = info.path.count(".") + 1

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            return self._on_exit(info, depth, (args, kwargs), output)

        return hook
