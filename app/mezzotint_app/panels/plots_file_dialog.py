"""Asks where plots are exported to; the kind that is chosen becomes the ending of the file's name."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

__all__ = ["PlotsFileDialog"]

KINDS = ("Numbers (*.csv)", "Picture (*.png)", "Drawing (*.svg)")


class PlotsFileDialog(QFileDialog):
    """`exec`, then `path`. What overwrites a file is asked about by the dialog itself."""

    def __init__(self, folder: Path, stem: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, title, str(folder))
        self.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.setFileMode(QFileDialog.FileMode.AnyFile)
        self.setNameFilters(list(KINDS))
        self.setDefaultSuffix("csv")
        self.selectFile(f"{stem}.csv")
        self.filterSelected.connect(self._on_kind)

    @property
    def path(self) -> Path:
        return Path(self.selectedFiles()[0])

    def _on_kind(self, kind: str) -> None:
        """Qt's dialog leaves the name as it is: a picture would be asked for and numbers be written."""
        ending = kind[kind.index("*.") + 2 : -1]
        self.setDefaultSuffix(ending)
        if not self.selectedFiles():
            return
        name = self.path
        if name.suffix.lower() in (".csv", ".png", ".svg"):
            self.selectFile(name.with_suffix(f".{ending}").name)
