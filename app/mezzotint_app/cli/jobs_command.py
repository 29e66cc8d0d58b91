"""`mezzotint jobs`: what is running and queued, in the order in which it will be done."""

from __future__ import annotations

import json
from argparse import Namespace

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.run_facts import RUN_HEADER, run_facts, run_row
from mezzotint_app.cli.tables import print_table
from mezzotint_sdk import messages as m

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    with EngineAccess(keep=arguments.keep_engine) as access:
        status: m.Status = access.call(m.GetStatus())
    if arguments.json:
        print(json.dumps({"jobs": [run_facts(run) for run in status.queue], "paused": status.queue_paused}))
        return exit_status.OK
    if status.queue:
        print_table(RUN_HEADER, [run_row(run) for run in status.queue])
    else:
        print("Nothing is running or queued.")
    if status.queue_paused:
        print("The queue is paused.")
    return exit_status.OK
