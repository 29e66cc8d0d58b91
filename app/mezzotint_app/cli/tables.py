"""Plain tables: columns in line, the last one cut to the terminal's width, whole where a script reads."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence

__all__ = ["format_bytes", "format_table", "print_table"]

GAP = "  "
MAX_LAST = 200  # characters of the last column where nothing else limits it


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in format_table(header, rows, width):
        print(line)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> list[str]:
    """The lines, each at most `width` cells wide; 0 is no limit. Line breaks in a cell become spaces."""
    table = [[_one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(_cells(row[column]) for row in table) for column in range(len(header) - 1)]
    lines = []
    for row in table:
        cells = [cell + " " * (wide - _cells(cell)) for cell, wide in zip(row, widths, strict=False)]
        lines.append(_cut(GAP.join([*cells, row[-1]]).rstrip(), width))
    return lines


def format_bytes(count: int) -> str:
    """As people read it: 512 MiB, 1.2 GiB."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.1f} {unit}" if unit == "GiB" else f"{value:.0f} {unit}"


def _one_line(text: str) -> str:
    # A prompt may hold escape sequences, which a terminal would obey.
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: MAX_LAST + 1])
    shown = " ".join(shown.split())
    return shown if len(shown) <= MAX_LAST else shown[: MAX_LAST - 1] + "…"


def _cells(text: str) -> int:
    """How many cells a terminal takes for it: wide signs take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def _cut(line: str, width: int) -> str:
    if not width or _cells(line) <= width:
        return line
    while line and _cells(line) > width - 1:
        line = line[:-1]
    return line + "…"
