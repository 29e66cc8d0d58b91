from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mezzotint_engine.models.catalog import bundled_models_folder


@pytest.fixture
def emoji_copy(tmp_path: Path) -> Path:
    """A copy of the bundled model that a test may damage."""
    folder = tmp_path / "models" / "emoji copy"
    shutil.copytree(bundled_models_folder() / "emoji-64", folder)
    return folder
