"""A stop as the console sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType

from mezzotint_sdk.debug_records import SourceFrame

__all__ = ["NOWHERE", "ConsolePlace"]


@dataclass
class ConsolePlace:
    """`frames`: live ones, innermost first; `names`: of the op's tensors; `set_name` puts a tensor in the
    place of one of them, and `touch` is told of other changes before they are made: both raise BadInputError
    where there may be none. `lines_refused`: why there is no going on by Python lines, as a sentence.
    `returned`: what a function is about to give back. `about_to_change` is called before code runs that could
    change weights."""

    frames: list[FrameType]
    names: Mapping[str, object]
    set_name: Callable[[str, object], None]
    recorded: tuple[SourceFrame, ...] = ()
    stop_id: int = 0
    returned: object = field(default=None)
    touch: Callable[[str], None] = lambda what: None
    lines_refused: str = ""
    about_to_change: Callable[[], None] = lambda: None


NOWHERE = ConsolePlace([], {}, lambda name, value: None)
