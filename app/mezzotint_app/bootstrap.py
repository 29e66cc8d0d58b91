"""Where everything starts: a command goes to the command line, no command opens the window.

The only file that knows everyone. It imports nothing at its top but the standard library, so that a command
that needs little answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """The `mezzotint` command. Returns its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] == "--first-picture":
        from mezzotint_app.app_run import run_app

        return run_app(given)
    from mezzotint_app.cli.main import main as run_command

    return run_command(given)
