"""The kind that is chosen is the kind that is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from mezzotint_app.panels.plots_file_dialog import KINDS, PlotsFileDialog


@pytest.mark.parametrize(("kind", "ending"), [(KINDS[1], ".png"), (KINDS[2], ".svg"), (KINDS[0], ".csv")])
def test_the_ending_follows_the_kind(tmp_path: Path, qtbot: QtBot, kind: str, ending: str) -> None:
    dialog = PlotsFileDialog(tmp_path, "20260101-r1", "Export the plots")
    qtbot.addWidget(dialog)
    assert dialog.path == tmp_path / "20260101-r1.csv"
    dialog.filterSelected.emit(kind)
    assert dialog.path == tmp_path / f"20260101-r1{ending}"


def test_a_name_without_an_ending_gets_that_of_the_kind(tmp_path: Path, qtbot: QtBot) -> None:
    dialog = PlotsFileDialog(tmp_path, "r1", "Export the plots")
    qtbot.addWidget(dialog)
    dialog.filterSelected.emit(KINDS[1])
    dialog.selectFile("mine")
    assert dialog.path.with_suffix("").name == "mine"
    assert dialog.defaultSuffix() == "png"
