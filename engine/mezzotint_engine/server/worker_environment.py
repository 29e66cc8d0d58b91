"""The environment that workers start in: threads that sleep rather than spin, and no telemetry.

OpenMP's default is to let idle threads spin for a while. On few cores they then take the time of the app
and of each other (a compressor beside it made compiled code 70 times slower), so waiting is passive after a
moment. What the user has set is kept.

Measured with two threads on two cores, emoji-64, 20 steps, seconds (alone; window repainting; a core taken):
default 0.38, 0.40, up to 69; passive 0.83, 0.86, 0.62; spinning 2,000 times (some 20 µs, the time between two
operations of a small model) and then passive 0.39, 0.47, 1.4.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from mezzotint_sdk.home import HOME_VARIABLE

__all__ = ["WORKER_MARK", "worker_environment"]

# Names the home in the environment of a worker and all of its children: so that a later server finds those
# that an earlier one, killed, has left behind.
WORKER_MARK = "MEZZOTINT_WORKER_OF"

_DEFAULTS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "2000",  # GNU's OpenMP, which torch brings along
    "KMP_BLOCKTIME": "0",  # Intel's OpenMP: milliseconds of spinning
    "TOKENIZERS_PARALLELISM": "false",  # its threads and ours would take turns at the same cores
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONFAULTHANDLER": "1",
}
_ALWAYS = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def worker_environment(base: Mapping[str, str], home: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The server's own environment (`base`) with what a worker needs on top."""
    environment = {**_DEFAULTS, **base, **_ALWAYS, **extra}
    if "OMP_WAIT_POLICY" in base and "GOMP_SPINCOUNT" not in base:
        del environment["GOMP_SPINCOUNT"]  # it would overrule what the user has said
    environment[HOME_VARIABLE] = home
    environment[WORKER_MARK] = os.path.realpath(home)
    return environment
