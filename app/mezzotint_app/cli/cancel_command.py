"""`mezzotint cancel`: end one run, or all that run and wait."""

from __future__ import annotations

import json
import time
from argparse import Namespace

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.records import FINAL_STATES, RunRecord

__all__ = ["run"]

END_S = 30.0  # longer than the engine's own deadline, after which it ends the worker
LOOK_EVERY_S = 0.05


def run(arguments: Namespace) -> int:
    with EngineAccess(keep=arguments.keep_engine) as access:
        ended = _cancel_all(access) if arguments.run == "all" else [_cancel_one(access, arguments)]
    if arguments.json:
        print(json.dumps({"runs": [{"run_id": run.run_id, "state": run.state} for run in ended]}))
    else:
        for run in ended:
            print(f"Run {run.run_id} {'is still ' if run.state not in FINAL_STATES else ''}{run.state}")
        if not ended:
            print("Nothing is running or queued.")
    return exit_status.OK


def _cancel_one(access: EngineAccess, arguments: Namespace) -> RunRecord:
    run: RunRecord = access.call(m.GetRun(run_id=arguments.run)).run
    if run.state in FINAL_STATES:
        raise BadInputError(f"Run {run.run_id} has already ended: {run.state}.")
    access.call(m.CancelRun(run_id=run.run_id, force=arguments.force))
    return _ended(access, [run.run_id])[0]


def _cancel_all(access: EngineAccess) -> list[RunRecord]:
    queue: tuple[RunRecord, ...] = access.call(m.GetStatus()).queue
    access.call(m.CancelAll())
    return _ended(access, [run.run_id for run in queue])


def _ended(access: EngineAccess, run_ids: list[str]) -> list[RunRecord]:
    """The runs once they have ended: a run in the middle of a step ends a little later."""
    deadline = time.monotonic() + END_S
    runs = []
    for run_id in run_ids:
        run: RunRecord = access.call(m.GetRun(run_id=run_id)).run
        while run.state not in FINAL_STATES and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
            run = access.call(m.GetRun(run_id=run_id)).run
        runs.append(run)
    return runs
