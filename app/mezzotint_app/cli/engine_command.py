"""`mezzotint engine stop`: the one command that starts no engine."""

from __future__ import annotations

import json
from argparse import Namespace

from mezzotint_app.cli import exit_status
from mezzotint_app.client.connection import EngineConnection
from mezzotint_app.client.engine_process import find_engine, wait_until_ended
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import EngineError, EngineLostError
from mezzotint_sdk.home import Home

__all__ = ["run"]

CONNECT_S = 15.0
STOP_S = 30.0


def run(arguments: Namespace) -> int:
    home = Home.default()
    engine = find_engine(home)
    if engine is not None:
        connection = EngineConnection(home, client="cli", wants_events=False, wants_previews=False)
        try:
            connection.connect(CONNECT_S)
            connection.call(m.StopEngine()).result(STOP_S)
        except EngineLostError:
            pass  # it was ending by itself
        finally:
            connection.close()
        if not wait_until_ended(engine, STOP_S):
            raise EngineError(f"The engine (process {engine.pid}) was asked to stop and still runs.")
    if arguments.json:
        print(json.dumps({"stopped": engine is not None, "pid": engine.pid if engine is not None else None}))
    else:
        print(
            "No engine is running." if engine is None else f"The engine (process {engine.pid}) has stopped."
        )
    return exit_status.OK
