"""What a command's exit status says, for scripts. Numbers are part of the interface: never reused.

======  =====================================================================================================
status  meaning
======  =====================================================================================================
0       all went well
1       the run failed, its worker was lost, or there is a bug in Mezzotint;
        of `trace diff` and `debug --compare`: the two differ
2       the request itself is wrong: usage, an unknown scheduler, a file or a run that is not there
3       the engine can't be reached or started, is of another version, or was lost on the way
4       the model can't be used: incomplete, damaged, or unsafe to load
5       memory of the device or the machine is not enough
6       the data folder, or the place for the pictures, is full or can't be written
130     cancelled (Ctrl-C, or by somebody else), or interrupted
141     whoever read our output has gone
143     ended by SIGTERM; the run was cancelled
======  =====================================================================================================
"""

from __future__ import annotations

__all__ = [
    "BAD_INPUT",
    "ENGINE",
    "INTERRUPTED",
    "MODEL",
    "OK",
    "OUT_OF_MEMORY",
    "READER_GONE",
    "RUN_FAILED",
    "STORAGE",
    "TERMINATED",
    "status_of_error",
    "status_of_run",
]

OK = 0
RUN_FAILED = 1
BAD_INPUT = 2
ENGINE = 3
MODEL = 4
OUT_OF_MEMORY = 5
STORAGE = 6
INTERRUPTED = 130
READER_GONE = 141
TERMINATED = 143

_BY_CODE = {
    "bad_input": BAD_INPUT,
    "bad_message": BAD_INPUT,
    "bad_metadata": BAD_INPUT,
    "bad_trace": BAD_INPUT,
    "not_found": BAD_INPUT,
    "model_error": MODEL,
    "model_incomplete": MODEL,
    "model_damaged": MODEL,
    "model_unsafe": MODEL,
    "out_of_memory": OUT_OF_MEMORY,
    "storage": STORAGE,
    "engine": ENGINE,
    "protocol": ENGINE,
    "engine_lost": ENGINE,
    "cancelled": INTERRUPTED,
}


def status_of_error(code: str) -> int:
    """The exit status for an error's code; what is not listed counts as a failed run."""
    return _BY_CODE.get(code, RUN_FAILED)


def status_of_run(state: str, code: str = "") -> int:
    """The exit status for a run that ended in `state`, with its error's code where it has one."""
    if state == "finished":
        return OK
    if state in ("cancelled", "interrupted"):
        return INTERRUPTED
    return status_of_error(code)
