"""`mezzotint-engine`: serve one home until nobody needs it any more.

Exit status: 0 ended in good order, 1 could not start, 3 another engine has this home, 6 could not start
because the data folder is full or can't be written.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path

from mezzotint_sdk.version import __version__

__all__ = ["main"]

ALREADY_RUNNING = 3
STORAGE = 6
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mezzotint-engine",
        description="The engine of Mezzotint: keeps queue and results, and runs jobs in worker processes.",
    )
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="folder of all state (default: MEZZOTINT_HOME, or the platform's own)",
    )
    parser.add_argument(
        "--linger",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="end after so many seconds without clients and work; negative: never (default: %(default)g)",
    )
    parser.add_argument("--version", action="version", version=f"mezzotint-engine {__version__}")
    return parser


def _say(sentence: str) -> None:
    # Not print: what can't be written would fail once more when Python flushes at its end.
    try:
        os.write(2, f"{sentence}\n".encode())
    except OSError:
        pass  # the log is on the same full disk; the status says it as well


def main() -> int:
    arguments = _parser().parse_args()
    # after the arguments: --help and --version answer without loading anything
    from mezzotint_engine.server.engine_server import EngineServer
    from mezzotint_engine.server.home_lock import AlreadyRunningError
    from mezzotint_engine.server.server_options import ServerOptions
    from mezzotint_sdk.errors import MezzotintError, StorageError
    from mezzotint_sdk.home import Home

    home = Home(arguments.home.expanduser().absolute()) if arguments.home else Home.default()
    try:
        EngineServer(ServerOptions(home, linger_s=arguments.linger)).run()
    except AlreadyRunningError as error:
        _say(error.message)
        return ALREADY_RUNNING
    except StorageError as error:
        _say(error.message)
        return STORAGE
    except MezzotintError as error:
        _say(error.message)
        return 1
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        place = error.filename or home.root
        _say(f"{place} can't be written: {error.strerror}; free some space and try again.")
        return STORAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
