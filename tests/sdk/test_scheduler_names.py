"""Which scheduler was meant: misspelt class names, their short forms, A1111's names, and nonsense."""

from __future__ import annotations

import pytest

from mezzotint_sdk.a1111_text import SAMPLER_CLASSES
from mezzotint_sdk.scheduler_names import nearest_scheduler

OFFERED = (*SAMPLER_CLASSES.values(), "DEISMultistepScheduler", "EDMEulerScheduler")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("eulerdiscrete", "EulerDiscreteScheduler"),
        ("EulerDiscretScheduler", "EulerDiscreteScheduler"),
        ("DDIMSheduler", "DDIMScheduler"),
        ("ddim", "DDIMScheduler"),
        ("euler_a", "EulerAncestralDiscreteScheduler"),
        ("DPM++ 2M", "DPMSolverMultistepScheduler"),
        ("unipc", "UniPCMultistepScheduler"),
        ("NoSuchScheduler", ""),
        ("Scheduler", ""),
        ("", ""),
        ("x" * 1_000_000, ""),
    ],
)
def test_the_nearest_name(written: str, meant: str) -> None:
    assert nearest_scheduler(written, OFFERED) == meant


def test_only_what_is_offered_is_named() -> None:
    assert nearest_scheduler("ddim", ["PNDMScheduler"]) == ""
    assert nearest_scheduler("ddim", []) == ""
