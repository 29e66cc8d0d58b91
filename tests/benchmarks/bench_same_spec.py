"""The same spec twice, and after a restart of the engine: pixels and canonical spec must be identical."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from mezzotint_sdk.job_spec import canonical_json
from tests.benchmarks.comparison import Result
from tests.e2e.live_engine import LiveEngine, emoji_spec


def _draw(engine: LiveEngine) -> tuple[list[bytes], str]:
    (run_id,) = engine.submit(emoji_spec(seed=7, steps=20, count=2))
    run = engine.wait_for_end(run_id)
    assert run.state == "finished", run.error
    pictures = []
    for path in engine.artifacts(run_id):
        with Image.open(path) as picture:
            pictures.append(picture.convert("RGB").tobytes())
    return pictures, canonical_json(run.spec)


def measure(quick: bool) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, LiveEngine(Path(folder)) as engine:
        first, second = _draw(engine), _draw(engine)
        engine.stop()
        engine.start()
        third = _draw(engine)
    different = float((first != second) + (first != third))
    return [
        Result(
            name="same",
            what="same spec twice and after a restart: pictures or specs that differ",
            value=different,
            target=0.0,
            unit="runs",
            verdict="met" if not different else "missed",
        )
    ]
