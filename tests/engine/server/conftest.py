"""A server with fake workers, in the test's own home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.server.engine_harness import Engine, WireClient, running_engine


@pytest.fixture
def engine(mezzotint_home: Path) -> Iterator[Engine]:
    with running_engine(mezzotint_home) as running:
        yield running


@pytest.fixture
def client(engine: Engine) -> WireClient:
    return engine.client()
