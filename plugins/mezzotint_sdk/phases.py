"""Names of the phases of a run. Jobs emit them, everybody else listens."""

from __future__ import annotations

LOAD = "load"
ENCODE = "encode"
DENOISE = "denoise"
DECODE = "decode"
SAVE = "save"

GENERATE_PHASES = (LOAD, ENCODE, DENOISE, DECODE, SAVE)
