"""How idle OpenMP threads wait, which OpenMP reads once, when it is loaded: for workers, however they are
started.

Waiting threads soon sleep instead of spinning: a spinning thread holds a core that another process (the
window, above all) needs, and then every operation waits for the thread that was displaced. On few cores
OpenMP's own default can make a job a hundred times slower beside a busy process. Figures stand in
docs/DECISIONS.md.
"""

from __future__ import annotations

from collections.abc import MutableMapping

__all__ = ["prepare_openmp"]

SPINS = "2000"  # some 20 µs: the time between two operations of a small model


def prepare_openmp(environment: MutableMapping[str, str]) -> None:
    """Set what the user has not set. To be called before torch is imported, or for a process to be
    started."""
    if "OMP_WAIT_POLICY" not in environment:
        # GNU's OpenMP, which torch brings along; it would overrule a policy of the user's
        environment.setdefault("GOMP_SPINCOUNT", SPINS)
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environment.setdefault("KMP_BLOCKTIME", "0")  # Intel's and LLVM's OpenMP: milliseconds of spinning
