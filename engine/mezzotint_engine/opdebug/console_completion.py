"""What a word in the console could become: commands, names, attributes, modules, ops, breakpoints."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Iterable

import torch

from mezzotint_engine.opdebug.console_scope import ConsoleScope

__all__ = ["COMMANDS", "HELP", "completions"]

MAX_WORDS = 200

COMMANDS: tuple[str, ...] = (
    *("op", "mod", "out", "phase", "iter", "back", "goto", "here", "restart"),
    *("tensors", "stats", "watch", "skip", "eager", "memory"),
    *("next", "step", "return", "until", "continue", "quit", "help"),
    *("break", "tbreak", "clear", "condition", "ignore", "enable", "disable"),
    *("where", "up", "down", "list", "longlist", "args", "source", "retval"),
    *("p", "pp", "display", "undisplay", "whatis", "interact"),
)

HELP = """The ladder:   op [N]  mod [into]  out  phase [N]  iter [N]  back [N]  goto NUMBER|MODULE
              here  restart  eager MODULE [off]  memory on|FILE.pickle
Tensors:      tensors  p EXPR  stats NAME  out = EXPR  skip [zeros|identity|EXPR]  watch EXPR [@ CONDITIONS]
Breakpoints:  b CONDITIONS  tbreak  cl  condition  ignore  enable  disable
Python lines: n(ext)  s(tep)  r(eturn)  unt(il)   c(ontinue)  q(uit)
Frames:       w(here)  u(p)  d(own)  l(ist)  ll  a(rgs)  rv  pp  whatis  source  display  undisplay
Python:       interact  !STATEMENT
help COMMAND says more. An empty line repeats the last command."""

_PLACES = frozenset({"b", "break", "tbreak"})
_MODULES = frozenset({"goto", "eager"})
_NUMBERED = frozenset({"cl", "clear", "condition", "ignore", "enable", "disable"})
_BORDERS = " ([{,=!+-*/%@<>:&|^~"


def completions(
    line: str, cursor: int, scope: ConsoleScope, modules: Iterable[str], numbers: Iterable[int], python: bool
) -> tuple[tuple[str, ...], int]:
    """Words that fit what stands before the cursor, and where in the line the completed word begins.

    `numbers`: of the breakpoints; `python`: the line is one of Python and no command.
    """
    head = line[:cursor]
    command = head.split()[0] if head.split() and not python else ""
    borders = " ," if command in _PLACES | _MODULES else _BORDERS
    start = max((head.rfind(mark) for mark in borders), default=-1) + 1
    word = head[start:]
    is_first = not head[:start].strip()
    words: set[str] = set()
    if is_first and not python:
        words |= {name for name in COMMANDS if name.startswith(word)}
    elif command in ("h", "help"):
        return tuple(sorted(name for name in COMMANDS if name.startswith(word))), start
    elif command in _NUMBERED and not head[:start].strip().removeprefix(command):
        return tuple(str(number) for number in numbers if str(number).startswith(word)), start
    elif command in _PLACES | _MODULES:
        words |= {path for path in modules if path.startswith(word)}
        if command in _PLACES and word:
            words |= {name for name in _op_names() if name.startswith(word)}
        if not word:
            return tuple(sorted(words)[:MAX_WORDS]), start
    # inside of a condition only what stands after the last operator is a word
    inner = max((word.rfind(mark) for mark in _BORDERS), default=-1) + 1
    words |= {word[:inner] + found for found in _names(word[inner:], scope)}
    return tuple(sorted(words)[:MAX_WORDS]), start


def _names(word: str, scope: ConsoleScope) -> set[str]:
    owner, dot, prefix = word.rpartition(".")
    if not dot:
        known = {*scope.names, *scope.globals, *dir(builtins)} if word else set()
        return {name for name in known if name.startswith(word)}
    first, *rest = owner.split(".")
    value = scope.everything().get(first, getattr(builtins, first, None)) if first else None
    try:
        for part in rest:
            value = getattr(value, part)
        found = dir(value) if value is not None else []
    except Exception:  # what stands before the dot is no value yet, or its attribute fails
        return set()
    wants_private = prefix.startswith("_")
    return {
        f"{owner}.{name}" for name in found if name.startswith(prefix) and (wants_private or name[0] != "_")
    }


@functools.cache
def _op_names() -> tuple[str, ...]:
    """As breakpoints name them: aten.mm, without overloads."""
    names = torch._C._dispatch_get_all_op_names()
    return tuple(
        {
            name.replace("::", ".").split(".")[0] + "." + name.partition("::")[2].partition(".")[0]
            for name in names
        }
    )
