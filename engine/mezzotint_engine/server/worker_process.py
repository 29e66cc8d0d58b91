"""One worker process: how it is started, what it prints, whether it lives. The pool talks to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from mezzotint_sdk.errors import EngineError

__all__ = ["WorkerProcess", "exit_sentence"]

KEPT_LINES = 100
MAX_LINE_BYTES = 8192

# Run by a bare interpreter (no site, some 10 ms) that then becomes the worker: the kernel is asked to kill it
# when the server dies by whatever means. Python's preexec_fn would do it too, but is unsafe in a process with
# threads.
_BECOME_WORKER = """
import os, sys
parent, command = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    import ctypes, signal
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the server ended before its worker began")
os.execv(command[0], command)
"""


def exit_sentence(returncode: int | None) -> str:
    """How a worker ended, as the end of a sentence."""
    if returncode is None:
        return "ended"
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    if -returncode == getattr(signal, "SIGKILL", 9):
        return f"was killed ({name}), probably because memory ran out"
    return f"crashed ({name})"


class WorkerProcess:
    """`on_line` is called from a thread of this process with each line that the worker prints.

    The worker's stdin is a pipe that nobody writes to: it closes when the server dies, and the worker ends
    itself.
    """

    def __init__(
        self,
        module: str,
        arguments: list[str],
        environment: Mapping[str, str],
        folder: Path,
        on_line: Callable[[str], None],
    ) -> None:
        command = [sys.executable, "-P", "-m", module, *arguments]
        if os.name == "posix":
            command = [sys.executable, "-I", "-S", "-c", _BECOME_WORKER, str(os.getpid()), *command]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"A worker process can't be started: {error}.") from error
        self._on_line = on_line
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._pump = threading.Thread(target=self._read_output, name=f"worker-output-{self.pid}", daemon=True)
        self._pump.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status when it has ended (negative: the signal), else None."""
        return self._process.poll()

    def last_lines(self) -> str:
        """What it printed last, for the details of an error."""
        self._pump.join(0.2)  # after an exit the rest is read in a moment
        return "\n".join(self._last_lines)

    def _read_output(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            while line := stream.readline(MAX_LINE_BYTES):
                text = line.decode(errors="replace").rstrip()
                if text:
                    self._last_lines.append(text)
                    self._on_line(text)

    def close(self) -> None:
        """After it has ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._pump.join(0.5)
