"""`mezzotint generate`: one run, from the prompt to the files."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.generate_spec import GenerateOptions
from mezzotint_app.cli.interrupts import Interrupts
from mezzotint_app.cli.model_choice import choose_model
from mezzotint_app.cli.picture_files import PictureFiles
from mezzotint_app.cli.progress_display import make_display
from mezzotint_app.cli.run_follower import RunFollower
from mezzotint_app.cli.run_outcome import Outcome, run_and_report
from mezzotint_sdk import messages as m

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    return run_and_report(arguments, lambda outcome, interrupts: _generate(arguments, outcome, interrupts))


def _generate(arguments: Namespace, outcome: Outcome, interrupts: Interrupts) -> None:
    options = GenerateOptions(arguments)
    out = PictureFiles(arguments.out, arguments.count) if arguments.out is not None else None
    follower = RunFollower()
    display = make_display(quiet=arguments.quiet or (arguments.json and not sys.stderr.isatty()))
    with EngineAccess(keep=arguments.keep_engine, listener=follower) as access:
        model = choose_model(access, arguments.model)
        spec = options.spec(access, model)
        outcome.seed = spec.seed
        with interrupts, display:
            (run_id,) = access.call(m.SubmitJobs(specs=(spec,))).run_ids
            outcome.take_run(run_id)
            record = follower.follow(outcome.run_id, access, interrupts, display.show)
        outcome.take_end(record)
        found: m.RunFound = access.call(m.GetRun(run_id=outcome.run_id))
        pictures = [Path(artifact.path) for artifact in sorted(found.artifacts, key=lambda a: a.index)]
        outcome.files = [str(picture) for picture in pictures]
        if out is not None:
            outcome.files = [str(file) for file in out.copy(pictures, outcome.run_id)]
