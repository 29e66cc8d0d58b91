"""A scheduler by its class name, made from the configuration of the model's own."""

from __future__ import annotations

import difflib
from typing import Any

import diffusers

from mezzotint_sdk.errors import BadInputError

__all__ = ["make_scheduler", "scheduler_names"]


def scheduler_names(pipeline: Any) -> dict[str, type]:
    """Class names of the schedulers that a pipeline takes, where what they need is installed."""
    found = {type(pipeline.scheduler).__name__: type(pipeline.scheduler)}
    for cls in pipeline.scheduler.compatibles:
        # diffusers puts a dummy in the place of a class whose packages are missing
        if not cls.__module__.startswith("diffusers.utils.dummy") and _usable(cls):
            found[cls.__name__] = cls
    return found


def _usable(cls: type) -> bool:
    """LMSDiscreteScheduler imports scipy only once it runs."""
    return cls.__name__ != "LMSDiscreteScheduler" or diffusers.utils.is_scipy_available()


def make_scheduler(pipeline: Any, name: str, own_config: dict[str, Any]) -> Any:
    """A fresh scheduler; "" is the model's own class. Fresh each time, because schedulers carry state.

    Raises BadInputError for a name that the model does not take, with the nearest one that it does.
    """
    known = scheduler_names(pipeline)
    own = str(own_config.get("_class_name", type(pipeline.scheduler).__name__))
    name = name or own
    if name not in known:
        folded = {other.lower(): other for other in known}
        near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.4)
        hint = f"did you mean {folded[near[0]]}?" if near else f"it takes {', '.join(sorted(known))}."
        raise BadInputError(f"The model does not take the scheduler {name[:80]!r}; {hint}")
    return known[name].from_config(own_config)  # type: ignore[attr-defined]
