"""Filters that a click makes: for a module, an op, a source line."""

from __future__ import annotations

from pathlib import PurePath

__all__ = ["line_filter", "module_filter", "op_filter"]


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def module_filter(path: str) -> str:
    """Ops of a module and of all below it."""
    if not path:
        return 'module == ""'
    return f"module == {_quoted(path)} | module ~ {_quoted(path + '.*')}"


def op_filter(op: str) -> str:
    return f"op == {_quoted(op)}"


def line_filter(file: str, line: int) -> str:
    return f"line == {line} & file == {_quoted(PurePath(file).name)}"
