"""What messages are made of, and the bodies that travel on from worker to client."""

from __future__ import annotations

import msgspec

from mezzotint_sdk.records import ArrayRef

PROTOCOL_VERSION = 2


class Body(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all message bodies: the class name is the tag."""


class Progress(Body, frozen=True, kw_only=True):
    """`step` of `steps` in the phase; pictures count from 0; `eta_seconds` < 0: not known yet."""

    run_id: str
    phase: str
    step: int
    steps: int
    image_index: int
    image_count: int
    steps_per_second: float = 0.0
    eta_seconds: float = -1.0


class Preview(Body, frozen=True, kw_only=True):
    """RGB uint8, shape (height, width, 3); the receiver releases the slot."""

    run_id: str
    image_index: int
    step: int
    array: ArrayRef
    cost_ms: float


class Measurements(Body, frozen=True, kw_only=True):
    """Points of one series, already written to its file. `times`: seconds since the run's start."""

    run_id: str
    name: str
    unit: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    times: tuple[float, ...]
