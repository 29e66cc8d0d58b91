"""`mezzotint debug … --compare SETTING=VALUE`: one run made both ways, and the first op that differs."""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import dataclass, field

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.generate_spec import GenerateOptions
from mezzotint_app.cli.interrupts import Interrupts
from mezzotint_app.cli.model_choice import choose_model
from mezzotint_app.cli.progress_display import make_display
from mezzotint_app.cli.run_follower import RunFollower
from mezzotint_app.cli.run_outcome import Outcome, run_and_report
from mezzotint_app.cli.trace_command import DIFFERENT, opened_trace
from mezzotint_app.cli.trace_diff_text import difference_facts, print_difference
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import DebugPlan
from mezzotint_sdk.divergence import compare_traces
from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.setting_change import SETTINGS, changed_spec, setting_text

__all__ = ["compare"]

LISTED = 20  # ops at most; `trace diff` on the two runs lists more
UNFIT = {"breaks": "--break", "watch": "--watch", "trace": "--trace", "out": "--out"}


@dataclass
class _Comparison:
    setting: str
    value: str
    plan: DebugPlan
    runs: list[str] = field(default_factory=list)  # ids of those that have finished
    is_different: bool = False


def compare(arguments: Namespace) -> int:
    """The exit status: 1 when the two runs differ. Raises BadInputError."""
    setting, value = _wanted(arguments)
    options = GenerateOptions(arguments)
    plan = DebugPlan(
        stop_at="never",
        record=arguments.record or "statistics",
        keep_ops=arguments.keep,
        on_exception=False,  # nobody is there to look at the stop
    )
    comparison = _Comparison(setting, value, plan)

    def work(outcome: Outcome, interrupts: Interrupts) -> None:
        if _make_both(arguments, options, comparison, outcome, interrupts):
            _tell(arguments, comparison, outcome)

    status = run_and_report(arguments, work)
    return DIFFERENT if status == exit_status.OK and comparison.is_different else status


def _wanted(arguments: Namespace) -> tuple[str, str]:
    """Setting and value. What makes no sense with a comparison is refused. Raises BadInputError."""
    setting, equals, value = arguments.compare.partition("=")
    if not equals:
        raise BadInputError(
            "--compare takes a setting and another value, as dtype=bfloat16; "
            f"settings are: {', '.join(SETTINGS)}."
        )
    for name, option in UNFIT.items():
        if getattr(arguments, name):
            raise BadInputError(
                f"{option} can't be used with --compare: both runs go through without stops, and what "
                "they make is kept with them."
            )
    if arguments.record not in (None, "statistics") and not arguments.keep:
        raise BadInputError("--compare needs statistics, or values (--keep); leave --record out.")
    return setting.strip(), value


def _make_both(
    arguments: Namespace,
    options: GenerateOptions,
    comparison: _Comparison,
    outcome: Outcome,
    interrupts: Interrupts,
) -> bool:
    """Whether both have finished; else `outcome` says how the one that didn't has ended."""
    follower = RunFollower()
    quiet = arguments.quiet or (arguments.json and not sys.stderr.isatty())
    with EngineAccess(keep=arguments.keep_engine, listener=follower) as access:
        spec = options.spec(access, choose_model(access, arguments.model))
        other = changed_spec(spec, comparison.setting, comparison.value)
        outcome.seed = spec.seed
        seconds = 0.0
        with interrupts:
            for one in (spec, other):  # in turn, so that none is left when the other is cancelled
                outcome.run_id, outcome.state = "", "failed"
                with make_display(quiet=quiet) as display:
                    ask = m.SubmitJobs(specs=(one,), debug=comparison.plan)
                    (run_id,) = access.call(ask).run_ids
                    outcome.take_run(run_id)
                    outcome.take_end(follower.follow(outcome.run_id, access, interrupts, display.show))
                if outcome.state != "finished":
                    return False
                comparison.runs.append(outcome.run_id)
                seconds += outcome.seconds
                if not arguments.json:
                    which = f"{comparison.setting} {setting_text(one, comparison.setting)}"
                    print(f"Run {outcome.run_id} finished in {outcome.seconds:.1f} s: {which}", flush=True)
        outcome.seconds = seconds
        if not arguments.json:
            outcome.run_id = ""  # both were told of
    return True


def _tell(arguments: Namespace, comparison: _Comparison, outcome: Outcome) -> None:
    """Raises BadInputError where there is nothing to compare."""
    with opened_trace(comparison.runs[0]) as first, opened_trace(comparison.runs[1]) as second:
        found = compare_traces(first, second, arguments.tolerance)
        if not found.compared:
            raise BadInputError(found.sentence)
        comparison.is_different = found.is_different
        if arguments.json:
            paths = [str(first.path), str(second.path)]
            outcome.more = {"runs": comparison.runs, "traces": paths, **difference_facts(found)}
        else:
            print_difference(found, first, second, LISTED)
