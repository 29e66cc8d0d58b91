"""Records as an engine would send them, short to write in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtGui import QImage

from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import ErrorInfo
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.records import ArtifactRecord, DeviceInfo, LogRecord, ModelRecord, RunRecord, WorkerRecord

__all__ = [
    "CPU",
    "EMOJI",
    "artifact",
    "broken_model",
    "log_line",
    "preview",
    "progress",
    "run_record",
    "spec",
    "worker",
    "write_png",
]

CPU = DeviceInfo(name="cpu", title="CPU, 2 cores", kind="cpu", dtypes=("float32", "bfloat16"))
EMOJI = ModelRecord(
    path="bundled:emoji-64",
    name="Emoji 64",
    folder="/assets/emoji-64",
    fingerprint="f1",
    default_width=64,
    default_height=64,
    size_multiple=8,
    default_steps=20,
    default_guidance=4.0,
    scheduler="DDIMScheduler",
    schedulers=("DDIMScheduler", "EulerDiscreteScheduler"),
    modes=("text_to_image", "image_to_image", "inpaint"),
    example_prompts=("red apple", "cat"),
)


def broken_model() -> ModelRecord:
    problem = ErrorInfo("model_incomplete", "The folder has no UNet; download it again.")
    return ModelRecord(path="/models/broken", name="Broken", folder="/models/broken", problem=problem)


def spec(**fields: Any) -> GenerateSpec:
    return GenerateSpec(model=ModelRef(path="bundled:emoji-64"), **fields)


def run_record(run_id: str, state: str = "queued", **fields: Any) -> RunRecord:
    fields = {"spec": spec(), "created": 1.0, **fields}
    return RunRecord(run_id=run_id, state=state, **fields)  # type: ignore[arg-type]


def progress(run_id: str, step: int = 1, steps: int = 20, **fields: Any) -> m.RunProgressed:
    fields = {"phase": "denoise", "image_index": 0, "image_count": 1, **fields}
    return m.RunProgressed(run_id=run_id, step=step, steps=steps, **fields)


def preview(client: Any, run_id: str, step: int, array: np.ndarray | None = None) -> m.PreviewMade:
    """A preview whose pixels lie in a slot of the scripted client."""
    pixels = array if array is not None else np.full((8, 8, 3), step % 256, np.uint8)
    ref = client.add_array(pixels, slot=f"slot-{step % 4}", generation=step)
    return m.PreviewMade(run_id=run_id, image_index=0, step=step, array=ref, cost_ms=2.0)


def artifact(artifact_id: int, run_id: str, index: int = 0, path: str = "") -> ArtifactRecord:
    return ArtifactRecord(
        artifact_id=artifact_id, run_id=run_id, index=index, path=path or f"/pictures/{artifact_id}.png"
    )


def worker(worker_id: str = "w1", state: str = "ready", **fields: Any) -> WorkerRecord:
    return WorkerRecord(worker_id=worker_id, pid=42, device="cpu", state=state, **fields)  # type: ignore[arg-type]


def log_line(
    message: str, level: str = "info", topic: str = "server", time: float = 1.0, **fields: str
) -> LogRecord:
    return LogRecord(time=time, level=level, topic=topic, message=message, **fields)  # type: ignore[arg-type]


def write_png(path: Path, width: int = 16, height: int = 16, color: int = 0xFF3366) -> Path:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(color)
    assert image.save(str(path))
    return path
