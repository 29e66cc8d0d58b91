"""`mezzotint runs`: what was run, newest first."""

from __future__ import annotations

import json
from argparse import Namespace

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.run_facts import RUN_HEADER, run_facts, run_row
from mezzotint_app.cli.tables import print_table
from mezzotint_sdk import messages as m
from mezzotint_sdk.prompt_text import well_formed

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    asked = m.ListRuns(search=well_formed(arguments.search), limit=arguments.limit)
    with EngineAccess(keep=arguments.keep_engine) as access:
        page: m.RunPage = access.call(asked)
    if arguments.json:
        print(json.dumps({"runs": [run_facts(run) for run in page.runs], "total": page.total}))
        return exit_status.OK
    if not page.runs:
        print("No run has these words in its prompt." if arguments.search else "Nothing was run yet.")
        return exit_status.OK
    print_table(RUN_HEADER, [run_row(run) for run in page.runs])
    if page.total > len(page.runs):
        print(f"{len(page.runs)} of {page.total} runs; --limit shows more.")
    return exit_status.OK
