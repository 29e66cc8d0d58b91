"""The command line's frame: parse, run one command, turn what went wrong into a line and an exit status."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.arguments import UsageError, make_parser

if TYPE_CHECKING:
    from mezzotint_sdk.errors import MezzotintError

__all__ = ["main"]

MAKE_RUNS = ("generate", "debug")


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where a test has put its own
            stream.reconfigure(errors="backslashreplace")  # a prompt must never be what fails a command
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_status.READER_GONE
    except KeyboardInterrupt:
        return exit_status.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    try:
        parsed = make_parser().parse_args(arguments)
    except UsageError as error:
        _say_error(str(error))
        if "--json" in arguments:
            command = next((word for word in arguments if not word.startswith("-")), "")
            _print_failure("bad_input", str(error), command)
        return exit_status.BAD_INPUT
    except SystemExit as end:  # argparse's way out of --help and --version
        return int(end.code or 0)
    return _run_command(parsed)


def _run_command(parsed: Namespace) -> int:
    from importlib import import_module

    from mezzotint_app.cli.interrupts import TerminatedError, raised_at_sigterm
    from mezzotint_sdk.errors import CancelledRunError, MezzotintError

    error: MezzotintError
    try:
        with raised_at_sigterm():
            command = import_module(f"mezzotint_app.cli.{parsed.handler}")
            return int(command.run(parsed))
    except MezzotintError as known:
        error = known
    except TerminatedError:
        _end_with(CancelledRunError("Ended by SIGTERM."), parsed)
        return exit_status.TERMINATED
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as missing:
        error = MezzotintError(f"{missing.name} is not installed; install it with: pip install mezzotint")
    except Exception as bug:
        from mezzotint_app.cli.bug_report import as_internal_error

        error = as_internal_error(bug)
    return _end_with(error, parsed)


def _end_with(error: MezzotintError, parsed: Namespace) -> int:
    _say_error(error.message, error.detail if parsed.verbose else "")
    if parsed.json:
        _print_failure(error.code, error.message, parsed.command)
    return exit_status.status_of_error(error.code)


def _say_error(message: str, detail: str = "") -> None:
    sys.stdout.flush()
    print(f"mezzotint: {' '.join(message.split())}", file=sys.stderr)
    if detail:
        print(detail, file=sys.stderr)


def _print_failure(code: str, message: str, command: str) -> None:
    import json

    facts: dict[str, object] = {}
    if command in MAKE_RUNS:  # a script may count on these, also where no run came to be
        state = "cancelled" if code == "cancelled" else "failed"
        facts = {"run_id": "", "state": state, "seconds": 0.0, "seed": None, "files": []}
    print(json.dumps({**facts, "code": code, "message": message}))
