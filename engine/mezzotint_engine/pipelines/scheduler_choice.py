"""A scheduler by its class name, made from the configuration of the model's own."""

from __future__ import annotations

from typing import Any

import diffusers

from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.scheduler_names import scheduler_hint

__all__ = ["check_steps", "make_scheduler", "scheduler_names"]


def scheduler_names(own: Any) -> dict[str, type]:
    """Class names that can stand for a model's own scheduler, where what they need is installed."""
    found = {type(own).__name__: type(own)}
    for cls in own.compatibles:
        # diffusers puts a dummy in the place of a class whose packages are missing
        if not cls.__module__.startswith("diffusers.utils.dummy") and _usable(cls):
            found[cls.__name__] = cls
    return found


def _usable(cls: type) -> bool:
    """LMSDiscreteScheduler imports scipy only once it runs."""
    return cls.__name__ != "LMSDiscreteScheduler" or diffusers.utils.is_scipy_available()


def make_scheduler(own: Any, name: str) -> Any:
    """A fresh scheduler in the place of the model's own; "" is its class. Fresh, because they carry state.

    Raises BadInputError for a name that the model does not take, with the nearest one that it does.
    """
    known = scheduler_names(own)
    name = name or type(own).__name__
    if name not in known:
        raise BadInputError(
            f"The model does not take the scheduler {name[:80]!r}; {scheduler_hint(name, known)}"
        )
    # Its first steps by Runge-Kutta need four; without them (as Stable Diffusion ships it) any number goes.
    options = {"skip_prk_steps": True} if name == "PNDMScheduler" and name != type(own).__name__ else {}
    return known[name].from_config(own.config, **options)  # type: ignore[attr-defined]


def check_steps(scheduler: Any, steps: int) -> None:
    """Raise BadInputError where a scheduler can't make so many steps: few make more than were trained."""
    if getattr(scheduler.config, "use_dynamic_shifting", False):
        return  # needs the picture's size to say; it takes any number
    try:
        scheduler.set_timesteps(steps)
    except (ValueError, IndexError, RuntimeError) as error:
        trained = getattr(scheduler.config, "num_train_timesteps", 1000)
        hint = f"at most {trained}" if steps > trained else "some more"
        raise BadInputError(
            f"{type(scheduler).__name__} can't draw in {steps} steps; use {hint}.", detail=str(error)
        ) from error
