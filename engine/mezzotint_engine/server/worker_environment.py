"""The environment that workers start in: threads that sleep rather than spin, output that is not held
back."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mezzotint_sdk.home import HOME_VARIABLE
from mezzotint_sdk.openmp import prepare_openmp

__all__ = ["WORKER_MARK", "worker_environment"]

# Names the home in the environment of a worker and all of its children: so that a later server finds those
# that an earlier one, killed, has left behind.
WORKER_MARK = "MEZZOTINT_WORKER_OF"

_DEFAULTS = {"PYTHONFAULTHANDLER": "1"}
_ALWAYS = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def worker_environment(base: Mapping[str, str], home: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The server's own environment (`base`) with what a worker needs on top."""
    environment = {**_DEFAULTS, **base, **_ALWAYS, **extra}
    prepare_openmp(environment)
    environment[HOME_VARIABLE] = home
    environment[WORKER_MARK] = os.path.realpath(home)
    return environment
