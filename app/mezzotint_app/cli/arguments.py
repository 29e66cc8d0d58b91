"""What the commands take. Stdlib only: `--help` and `--version` answer before anything else is imported."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import NoReturn

from mezzotint_sdk.version import __version__

__all__ = ["UsageError", "make_parser"]

# Kept in step with job_spec's own limits by a test; importing them here would cost --help 25 ms.
MAX_SEED = 2**63 - 1
MAX_COUNT = 10_000
_TOLERANCE_HELP = (
    "how much an output may differ, relative to its largest number (default: by dtype; 0: not at all)"
)


class UsageError(Exception):
    """The command line itself is wrong. The message is one sentence."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; argparse's own way prints the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].lower()}{message[1:].rstrip('.')}; see `{self.prog} --help`.")


def make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mezzotint",
        description="A workbench for generative models. Without a command it opens the window.",
        epilog="`mezzotint COMMAND --help` describes each command. Without a display `mezzotint` makes one "
        "picture in a window that nobody sees, as `mezzotint --first-picture` does anywhere.",
    )
    parser.add_argument("--version", action="version", version=f"mezzotint {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_generate(commands)
    _add_debug(commands)
    _add_trace(commands)
    _add_lists(commands)
    _add_cancel(commands)
    _add_engine(commands)
    return parser


Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add(commands: Commands, name: str, help: str, handler: str, epilog: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help, epilog=epilog)
    parser.set_defaults(handler=handler)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--verbose", action="store_true", help="show the details of an error")
    parser.add_argument(
        "--keep-engine",
        action="store_true",
        help="leave an engine running for good that this command had to start",
    )
    return parser


def _add_generate(commands: Commands) -> None:
    parser = _add(
        commands,
        "generate",
        "Make pictures from a prompt.",
        "generate_command",
        epilog="Steps, guidance and size default to what the model is made for. "
        "Ctrl-C once cancels the run at its next step, twice ends it at once.",
    )
    _add_drawing(parser)


def _add_drawing(parser: argparse.ArgumentParser) -> None:
    """What is to be drawn, and how."""
    add = parser.add_argument
    add("model", metavar="MODEL", help="a model's name (emoji-64), or a folder in diffusers layout")
    prompt = parser.add_mutually_exclusive_group(required=True)
    prompt.add_argument("--prompt", metavar="TEXT", help="what to draw")
    prompt.add_argument(
        "--prompt-file", metavar="FILE", help="read the prompt from a file; - is standard input"
    )
    add("--negative", metavar="TEXT", default="", help="what to keep out of the picture")
    add("--steps", metavar="N", type=_whole(1, 10_000), help="denoising steps")
    add("--guidance", metavar="G", type=_number(0, 1000), help="how closely to follow the prompt")
    add("--seed", metavar="S", type=_whole(0, MAX_SEED), help="default: a random one, which is printed")
    add("--size", metavar="WxH", type=_size, help="in pixels, as 512x512")
    add("--count", metavar="N", type=_whole(1, MAX_COUNT), default=1, help="pictures, with seeds S, S+1, …")
    add("--scheduler", metavar="NAME", default="", help="class name, as EulerDiscreteScheduler")
    add(
        "--out",
        metavar="FILE",
        help="also copy the picture there (FILE-1.png, … of several), or into a folder",
    )
    add("--image", metavar="FILE", help="start from this picture")
    add("--mask", metavar="FILE", help="draw anew only what is white here; needs --image")
    add("--strength", metavar="X", type=_number(0, 1), help="how much of --image to change (default: 0.8)")
    add("--device", metavar="NAME", default="auto", help="cpu, cuda:0, … (default: %(default)s)")
    add("--dtype", choices=["auto", "float32", "float16", "bfloat16"], default="auto", help="of the weights")
    add(
        "--threads",
        metavar="N",
        type=_whole(1, 4096),
        help="of the CPU (default: as many as suit the machine)",
    )
    add("--quiet", action="store_true", help="show no progress")


def _add_debug(commands: Commands) -> None:
    parser = _add(
        commands,
        "debug",
        "Make pictures under the op debugger.",
        "debug_command",
        epilog="It stops at the first op, or where --break says, and reads commands from standard input: "
        "pdb's (`help` lists them) and the ladder's own, as `op`, `mod`, `phase`, `iter`, `back`. When these "
        "end, the run goes on without stops. Ctrl-C breaks in, a second one cancels the run.",
    )
    _add_drawing(parser)
    add = parser.add_argument
    add(
        "--break",
        metavar="EXPR",
        dest="breaks",
        action="append",
        default=[],
        help="stop there: an op (aten.mm*), a module (unet.mid_block.*), file.py:LINE, step=3, nan, "
        "out.abs().max() > 1e3, several joined by commas; with log='…' it prints and goes on (repeatable)",
    )
    add(
        "--watch",
        metavar="EXPR",
        action="append",
        default=[],
        help="show this at each stop, as out.mean() (repeatable)",
    )
    add(
        "--record",
        choices=["nothing", "descriptors", "statistics"],
        help="what the trace keeps of each op (default: descriptors; with --compare: statistics)",
    )
    add("--keep", metavar="OPS", default="", help="keep what these ops give in the trace, as aten.mm*")
    add("--trace", metavar="FILE", help="copy the trace of all ops there at the end")
    add(
        "--compare",
        metavar="SETTING=VALUE",
        help="make the run twice without stops, as given and with this one setting changed (dtype=bfloat16, "
        "threads=2, device=cuda:0, scheduler=NAME), and say which op differs first; records statistics; "
        "exit status 1 when the two differ",
    )
    add("--tolerance", metavar="X", type=_number(0, 1e9), help=f"with --compare: {_TOLERANCE_HELP}")


def _add_trace(commands: Commands) -> None:
    parser = commands.add_parser(
        "trace", help="Read traces of the op debugger.", description="Read traces of the op debugger."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)

    def action(name: str, help: str, epilog: str = "") -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=help, description=help, epilog=epilog)
        made.set_defaults(handler="trace_command")
        made.add_argument("--json", action="store_true", help="print one line of JSON for each row")
        made.add_argument("--verbose", action="store_true", help="show the details of an error")
        return made

    show = action(
        "show",
        "List the ops of a trace.",
        epilog="Filters: `softmax`, `module ~ unet.mid* & time > 500`, `nan | inf`, `!(dtype == float32)`.",
    )
    show.add_argument("file", metavar="FILE", help="a .mzt file, or the id of a run that was debugged")
    show.add_argument("--filter", metavar="EXPR", default="", help="only ops for which this holds")
    show.add_argument(
        "--limit", metavar="N", type=_whole(0, 10**9), default=100, help="rows at most (default: %(default)s)"
    )
    show.add_argument("--totals", choices=["module", "line"], help="sum up by module or by source line")
    diff = action(
        "diff",
        "Find the first op that differs between two runs.",
        epilog="Record both with --record statistics, or with --keep. Exit status 1 when they differ.",
    )
    diff.add_argument("first", metavar="A", help="a .mzt file, or a run's id")
    diff.add_argument("second", metavar="B", help="the one to compare with it")
    diff.add_argument(
        "--limit", metavar="N", type=_whole(0, 10**9), default=20, help="ops listed (default: %(default)s)"
    )
    diff.add_argument(
        "--tolerance",
        metavar="X",
        type=_number(0, 1e9),
        help=_TOLERANCE_HELP,
    )
    export = action("export", "Write a trace for Perfetto (ui.perfetto.dev) or chrome://tracing.")
    export.add_argument("file", metavar="FILE", help="a .mzt file, or a run's id")
    export.add_argument("out", metavar="OUT.json", help="where to write it")


def _add_lists(commands: Commands) -> None:
    _add(commands, "jobs", "List what is running and queued.", "jobs_command")
    parser = _add(commands, "runs", "List what was run, newest first.", "runs_command")
    parser.add_argument(
        "--limit", metavar="N", type=_whole(1, 10_000), default=20, help="default: %(default)s"
    )
    parser.add_argument(
        "--search", metavar="WORDS", default="", help="only runs with these words in the prompt"
    )
    _add(commands, "status", "Show the engine, its workers and the queue.", "status_command")
    _add(commands, "models", "List the models that can be used.", "models_command")


def _add_cancel(commands: Commands) -> None:
    parser = _add(commands, "cancel", "Cancel a run, or all of them.", "cancel_command")
    parser.add_argument(
        "run", metavar="ID", help="a run's id, a few characters of its start or end, or `all`"
    )
    parser.add_argument(
        "--force", action="store_true", help="end its worker now, instead of at the next step"
    )


def _add_engine(commands: Commands) -> None:
    parser = _add(commands, "engine", "Stop the engine.", "engine_command")
    parser.add_argument("action", choices=["stop"], help="stop: end the engine; what is queued stays queued")


# --- kinds of values -------------------------------------------------------------------------------------


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {lowest} to {highest}")
        return value

    return convert


def _number(lowest: float, highest: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = lowest - 1
        if not lowest <= value <= highest:  # not-a-number fails this, too
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest:g} to {highest:g}")
        return value

    return convert


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})(?:[xX×](\d{1,6}))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write it as 512x512")
    width = int(match[1])
    height = int(match[2] or match[1])
    if not (8 <= width <= 16_384 and 8 <= height <= 16_384):
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: sides go from 8 to 16384 pixels")
    return width, height
