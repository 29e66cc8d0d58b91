from __future__ import annotations

import pytest

from mezzotint_engine.worker import thread_choice
from mezzotint_engine.worker.thread_choice import THREADS_VARIABLE, default_threads
from mezzotint_sdk.openmp import prepare_openmp


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (8, 8)])
def test_on_few_cores_one_is_left_to_the_window(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.delenv(THREADS_VARIABLE, raising=False)
    monkeypatch.setattr(thread_choice, "usable_cores", lambda: cores)
    assert default_threads() == threads


def test_what_the_user_sets_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS_VARIABLE, "3")
    assert default_threads() == 3
    for nonsense in ("", "0", "-1", "many", "99999"):
        monkeypatch.setenv(THREADS_VARIABLE, nonsense)
        assert 1 <= default_threads() <= thread_choice.usable_cores()
    environment = {"OMP_WAIT_POLICY": "ACTIVE"}
    prepare_openmp(environment)
    assert environment == {"OMP_WAIT_POLICY": "ACTIVE", "KMP_BLOCKTIME": "0"}
    ours: dict[str, str] = {}
    prepare_openmp(ours)
    assert ours == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}
