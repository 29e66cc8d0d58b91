"""`mezzotint debug`: one run under the op debugger, with its console on standard input."""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from pathlib import Path

from mezzotint_app.cli.debug_conversation import DebugConversation
from mezzotint_app.cli.debug_feed import DebugFeed
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.generate_spec import GenerateOptions
from mezzotint_app.cli.model_choice import choose_model
from mezzotint_app.cli.picture_files import PictureFiles
from mezzotint_app.cli.prompt_interrupts import PromptInterrupts
from mezzotint_app.cli.run_outcome import Outcome, run_and_report
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.errors import BadInputError, StorageError

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    if arguments.compare is not None:
        from mezzotint_app.cli.debug_comparison import compare  # with what it takes to read traces

        return compare(arguments)
    if arguments.tolerance is not None:
        raise BadInputError("--tolerance is for --compare; `trace diff` has one, too.")
    interrupts = PromptInterrupts()
    return run_and_report(arguments, lambda outcome, _: _debug(arguments, outcome, interrupts), interrupts)


def _debug(arguments: Namespace, outcome: Outcome, interrupts: PromptInterrupts) -> None:
    if arguments.prompt_file == "-":
        raise BadInputError("--prompt-file - won't do here: standard input is for the debugger's commands.")
    if arguments.trace is not None and arguments.record == "nothing":
        raise BadInputError("--trace needs something recorded; leave --record nothing out.")
    options = GenerateOptions(arguments)
    out = PictureFiles(arguments.out, arguments.count) if arguments.out is not None else None
    trace = _TraceTarget(arguments.trace) if arguments.trace is not None else None
    plan = DebugPlan(
        stop_at="first_op",
        record=arguments.record or "descriptors",
        keep_ops=arguments.keep,
        watches=tuple(arguments.watch),
    )
    feed = DebugFeed()
    with EngineAccess(keep=arguments.keep_engine, listener=feed) as access:
        spec = options.spec(access, choose_model(access, arguments.model))
        outcome.seed = spec.seed
        with interrupts:
            (run_id,) = access.call(m.SubmitJobs(specs=(spec,), debug=plan)).run_ids
            outcome.take_run(run_id)
            talk = DebugConversation(outcome.run_id, plan, tuple(arguments.breaks), access, feed, interrupts)
            try:
                outcome.take_end(talk.talk())
            except BaseException:
                talk.give_up()
                raise
        _take_files(outcome, access, talk, out, trace)


def _take_files(
    outcome: Outcome,
    access: EngineAccess,
    talk: DebugConversation,
    out: PictureFiles | None,
    trace: _TraceTarget | None,
) -> None:
    found: m.RunFound = access.call(m.GetRun(run_id=outcome.run_id))
    outcome.more = {"stops": talk.stops, "touched": found.run.touched, "trace": talk.trace}
    pictures = [Path(artifact.path) for artifact in sorted(found.artifacts, key=lambda a: a.index)]
    outcome.files = [str(picture) for picture in pictures]
    if trace is not None:  # also of a run that failed: then it is wanted most
        outcome.more["trace"] = str(trace.copy(talk.trace, outcome.run_id))
    if out is not None:
        outcome.files = [str(file) for file in out.copy(pictures, outcome.run_id)]


class _TraceTarget:
    """Where `--trace` puts the trace: checked before the run, so that no time is wasted. A file, or a folder
    that is there. Raises BadInputError."""

    def __init__(self, target: str) -> None:
        self._path = Path(os.path.abspath(os.path.expanduser(target)))
        folder = self._path if self._path.is_dir() else self._path.parent
        if not folder.is_dir():
            raise BadInputError(f"There is no folder {folder} to write the trace to.")
        if not os.access(folder, os.W_OK):
            raise BadInputError(f"The folder {folder} can't be written to.")

    def copy(self, trace: str, run_id: str) -> Path:
        """It is there whole or not at all. Raises StorageError."""
        target = self._path / f"{run_id}.mzt" if self._path.is_dir() else self._path
        if not trace or not os.path.isfile(trace):
            raise StorageError("There is no trace of this run: it ended before an op was recorded.")
        part = target.with_name(f".{os.getpid()}.part")
        try:
            shutil.copyfile(trace, part)
            os.replace(part, target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StorageError(
                f"The trace can't be written to {target}: {error.strerror or error}."
            ) from error
        return target
