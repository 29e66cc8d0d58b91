"""Two pictures side by side with one zoom for both, and what differs: pixels, amplified, and settings."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.canvas_view import CanvasView
from mezzotint_app.panels.picture_actions import find_spec
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.picture_difference import PictureDifference, compare_pixels
from mezzotint_app.state.spec_facts import spec_differences
from mezzotint_app.thumbnails.picture_decoding import decode_picture
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["CompareView"]

GAIN_STEPS = 7  # 1, 2, 4 ... 64 times
FIRST_GAIN_STEP = 3

Loaded = tuple[QImage, str, QImage, str, PictureDifference | None]


def _pixels(image: QImage) -> np.ndarray:
    """uint8, shape (height, width, 4): red, green, blue, alpha."""
    plain = image.convertToFormat(QImage.Format.Format_RGBA8888)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return rows[:, : plain.width() * 4].reshape(plain.height(), plain.width(), 4).copy()


def _load(first: str, second: str) -> Loaded:
    (one, why_one), (other, why_other) = decode_picture(first), decode_picture(second)
    difference = None
    if not one.isNull() and not other.isNull() and one.size() == other.size():
        difference = compare_pixels(_pixels(one), _pixels(other))
    return one, why_one, other, why_other, difference


class CompareView(QWidget):
    """A window of its own. Panning or zooming one of the views moves all of them."""

    def __init__(
        self, state: AppState, first: ArtifactRecord, second: ArtifactRecord, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Compare pictures")
        self.resize(1080, 560)
        self._state = state
        self._records = [first, second]
        self._specs: dict[int, GenerateSpec] = {}
        self.difference: PictureDifference | None = None
        self.views = [CanvasView(self), CanvasView(self)]
        self.difference_view = CanvasView(self)
        self.difference_view.setAccessibleName("Difference, amplified")
        self.verdict = text_label("Comparing…", "heading", self, wraps=True)
        self.settings_line = text_label("", "muted", self, wraps=True)
        self.captions = [ElidedLabel("", "small", self), ElidedLabel("", "small", self)]
        self.gain = QSlider(Qt.Orientation.Horizontal, self)
        self.gain.setRange(0, GAIN_STEPS - 1)
        self.gain.setValue(FIRST_GAIN_STEP)
        self.gain.setFixedWidth(140)
        self.gain.setAccessibleName("Amplify the difference")
        self.gain.setToolTip("How many times the difference is amplified")
        self.gain_text = text_label("", "small", self)
        self.gain.valueChanged.connect(lambda _step: self._show_difference())
        self.fit_button = tool_button("fit", "Fit pictures", "F", parent=self)
        self.fit_button.clicked.connect(self.fit)
        self.swap_button = tool_button("swap", "Swap sides", "S", parent=self)
        self.swap_button.clicked.connect(self.swap)
        for button, key in ((self.fit_button, "F"), (self.swap_button, "S")):
            button.setShortcut(key)
        self._lay_out()
        self._is_moving = False
        for view in (*self.views, self.difference_view):
            view.zoomChanged.connect(lambda view=view: self._follow(view))
        self._load()

    def _lay_out(self) -> None:
        pictures = QHBoxLayout()
        pictures.setSpacing(SPACING)
        for view, caption in zip(self.views, self.captions, strict=True):
            pictures.addLayout(self._column(view, caption), 1)
        gain = QHBoxLayout()
        gain.setSpacing(SPACING)
        gain.addWidget(text_label("Difference", "small", self, buddy=self.gain))
        gain.addWidget(self.gain)
        gain.addWidget(self.gain_text, 1)
        right = QVBoxLayout()
        right.setSpacing(SPACING // 2)
        right.addLayout(gain)
        right.addWidget(self.difference_view, 1)
        pictures.addLayout(right, 1)
        head = QHBoxLayout()
        head.setSpacing(SPACING)
        head.addWidget(self.verdict, 1)
        head.addWidget(self.swap_button)
        head.addWidget(self.fit_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING * 2, SPACING * 2, SPACING * 2, SPACING * 2)
        layout.setSpacing(SPACING)
        layout.addLayout(head)
        layout.addWidget(self.settings_line)
        layout.addLayout(pictures, 1)

    def _column(self, view: CanvasView, caption: QLabel) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(SPACING // 2)
        column.addWidget(caption)
        column.addWidget(view, 1)
        return column

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    # --- what is shown -----------------------------------------------------------------------------------

    def swap(self) -> None:
        """Exchange left and right."""
        self._records.reverse()
        self._load()

    def fit(self) -> None:
        self.views[0].fit()

    def _load(self) -> None:
        first, second = self._records
        for record, view, caption in zip(self._records, self.views, self.captions, strict=True):
            caption.setText(f"Seed {record.seed} · {os.path.basename(record.path)} · {record.prompt}")
            view.setAccessibleName(f"Picture with seed {record.seed}: {record.prompt[:200]}")
        wanted = list(self._records)
        BackgroundTask(
            lambda: _load(first.path, second.path),
            lambda loaded: self._on_loaded(loaded) if wanted == self._records else None,
            owner=self,
        )
        self._specs = {}
        for place, record in enumerate(self._records):
            find_spec(self._state, record, partial(self._on_spec, place), self._no_spec)

    def _on_loaded(self, loaded: Loaded) -> None:
        one, why_one, other, why_other, self.difference = loaded
        self.views[0].show_image(one, self._records[0].path)
        self.views[1].show_image(other, self._records[1].path)
        if why_one or why_other:
            self.verdict.setText(" ".join(reason for reason in (why_one, why_other) if reason))
        elif self.difference is None:
            self.verdict.setText(
                f"The sizes differ ({one.width()} × {one.height()} and {other.width()} × {other.height()}),"
                " so pixels can't be compared."
            )
        else:
            self.verdict.setText(self.difference.sentence())
        self.gain.setEnabled(self.difference is not None)
        self._show_difference()

    def _show_difference(self) -> None:
        gain = 2 ** self.gain.value()
        self.gain_text.setText(f"× {gain}")
        if self.difference is None:
            self.difference_view.clear()
            return
        place = self.views[0].place
        self.difference_view.show_pixels(self.difference.amplified(gain))
        self.difference_view.show_place(place)

    def _on_spec(self, place: int, spec: GenerateSpec) -> None:
        self._specs[place] = spec
        if len(self._specs) == 2:
            found = spec_differences(self._specs[0], self._specs[1])
            parts = [f"{title}: {_short(one)} → {_short(other)}" for title, one, other in found]
            self.settings_line.setText("; ".join(parts) or "All settings are equal.")

    def _no_spec(self, error: MezzotintError) -> None:
        self.settings_line.setText(error.message)

    def _follow(self, moved: CanvasView) -> None:
        if self._is_moving:
            return
        self._is_moving = True
        for view in (*self.views, self.difference_view):
            if view is not moved:
                view.show_place(moved.place)
        self._is_moving = False


def _short(text: str) -> str:
    flat = " ".join(text[:200].split())
    return flat if len(flat) <= 60 else f"{flat[:59]}…"
