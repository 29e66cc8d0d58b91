"""The `mezzotint` command as a user has it: a process of its own, in a home that the test names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-P", "-m", "mezzotint_app"]
LIMIT_S = 90.0


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of the output, which is what a script reads."""
        facts: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return facts

    @property
    def error_line(self) -> str:
        """The one line of an error; more than one, or a traceback, is an error of ours."""
        lines = [line for line in self.err.splitlines() if line.startswith("mezzotint: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


class CommandLine:
    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "MEZZOTINT_HOME": str(home)}

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def end(self, process: subprocess.Popen[str]) -> Ended:
        out, err = process.communicate(timeout=LIMIT_S)
        return Ended(process.returncode, out, err)

    def __call__(self, *words: str, **options: Any) -> Ended:
        return self.end(self.start(*words, **options))

    def draw(self, *words: str, prompt: str = "red apple", steps: int = 2) -> Ended:
        """`generate` with the bundled model, few steps, and JSON."""
        return self("generate", "emoji-64", "--prompt", prompt, "--steps", str(steps), "--json", *words)
