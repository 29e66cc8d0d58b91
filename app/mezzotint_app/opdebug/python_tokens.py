"""Finds what is to be coloured in Python source: the whole file in one pass, off the GUI thread."""

from __future__ import annotations

import keyword
import re

__all__ = ["Token", "tokens_of"]

Token = tuple[int, int, str]  # start in the line, length, kind

MOST_CHARACTERS = 2_000_000  # generated files: plain from here on

_KEYWORDS = "|".join((*keyword.kwlist, "match", "case"))
_PATTERN = re.compile(
    rf"""
    (?P<comment>\#[^\n]*)
  | (?P<string>(?i:\b[rbfu]{{1,2}})?(?:\"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z)|'''(?:[^\\]|\\.)*?(?:'''|\Z)
        |"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?))
  | (?P<decorator>(?m:^[ \t]*)@[\w.]+)
  | \b(?:def|class)[ \t]+(?P<name>\w+)
  | \b(?P<keyword>{_KEYWORDS})\b
  | \b(?P<number>0[xXbBoO][\da-fA-F_]+|\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?j?)\b
  | \b(?P<self>self|cls)\b
    """,
    re.VERBOSE | re.DOTALL,
)
_DEF = re.compile(r"def|class")


def tokens_of(text: str) -> list[list[Token]]:
    """For each line its tokens; kinds are comment, string, decorator, name, keyword, number and self."""
    lines = text.split("\n")
    found: list[list[Token]] = [[] for _ in lines]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    row = 0
    for match in _PATTERN.finditer(text[:MOST_CHARACTERS]):
        kind = match.lastgroup or ""
        start, end = match.span(kind)
        while starts[row + 1] <= match.start():
            row += 1
        if kind == "name":  # the word before it is a keyword, and was part of the same match
            word = _DEF.match(text, match.start())
            if word is not None:
                found[row].append((word.start() - starts[row], word.end() - word.start(), "keyword"))
        at = row
        while start < end:
            while starts[at + 1] <= start:
                at += 1
            stop = min(end, starts[at + 1] - 1)
            if stop > start:
                found[at].append((start - starts[at], stop - start, kind))
            start = starts[at + 1]
    return found
