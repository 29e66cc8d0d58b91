"""Where the user is in the debugger: in the table of ops, the tree of modules, or a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Cursor"]


@dataclass(frozen=True)
class Cursor:
    """Where "run to cursor" goes and a breakpoint is set: an op of the trace, a module or a source line."""

    op_number: int = -1
    op: str = ""
    module: str = ""
    file: str = ""
    line: int = 0

    @property
    def text(self) -> str:
        if self.op_number >= 0:
            return f"op {self.op_number:,}"
        if self.file:
            return f"{self.file.rpartition('/')[2]}:{self.line}"
        return f"module {self.module}" if self.module else ""

    def conditions(self) -> dict[str, Any]:
        """Of a breakpoint at this place: an op by its name and module, since its number is of one run."""
        if self.op:
            return {"op": self.op, "module": self.module}
        return {"file": self.file, "line": self.line} if self.file else {"module": self.module}
