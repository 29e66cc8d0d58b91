"""The tree of modules as the window shows it."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from torch import nn

from mezzotint_engine.opdebug.module_stack import ModuleStack
from mezzotint_sdk.debug_records import ModuleNode

__all__ = ["is_compiled", "module_nodes"]


def module_nodes(stack: ModuleStack, eager: Collection[str] = ()) -> tuple[ModuleNode, ...]:
    """Parents before children. `eager`: paths of compiled modules that are run eagerly now."""
    return tuple(_node(info.path, module, info.path in eager) for info, module in stack.known())


def _node(path: str, module: nn.Module, eager: bool) -> ModuleNode:
    parameters = list(module.parameters())
    first = parameters[0] if parameters else None
    file, line = _place_of_forward(type(module))
    return ModuleNode(
        path=path,
        class_name=type(module).__name__,
        parameters=sum(one.numel() for one in parameters),
        nbytes=sum(one.numel() * one.element_size() for one in parameters),
        dtype=str(first.dtype).removeprefix("torch.") if first is not None else "",
        device=str(first.device) if first is not None else "",
        training=module.training,
        compiled=is_compiled(module),
        eager=eager,
        file=file,
        line=line,
    )


def is_compiled(module: nn.Module) -> bool:
    return (
        getattr(module, "_compiled_call_impl", None) is not None or type(module).__name__ == "OptimizedModule"
    )


def _place_of_forward(kind: type[Any]) -> tuple[str, int]:
    forward = inspect.unwrap(kind.forward)
    code = getattr(forward, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else ("", 0)
