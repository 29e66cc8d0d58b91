"""Above the canvas: zoom, how pixels are drawn, save and copy, and the preview's rate."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.canvas_view import CanvasView
from mezzotint_app.panels.picture_export import copy_picture, save_picture
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.canvas_state import LIVE

__all__ = ["RATES", "CanvasToolbar"]

RATES = ((0.0, "Off"), (2.0, "2 Hz"), (5.0, "5 Hz"), (10.0, "10 Hz"), (30.0, "30 Hz"))


class CanvasToolbar(QWidget):
    def __init__(self, state: AppState, view: CanvasView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._view = view
        self.fit = tool_button("fit", "Fit the picture into the view", "Ctrl+0", parent=self)
        self.actual = tool_button("actual", "Actual size, 100 %", "Ctrl+1", parent=self)
        self.zoom_out = tool_button("zoom-out", "Zoom out", "Ctrl+-", parent=self)
        self.zoom_in = tool_button("zoom-in", "Zoom in", "Ctrl+=", parent=self)
        self.zoom_text = text_label("", "small", self)
        self.zoom_text.setMinimumWidth(44)
        self.smooth = tool_button(
            "smooth",
            "Smooth pixels",
            help="Smooth or sharp pixels when zoomed in",
            parent=self,
            checkable=True,
        )
        self.live = tool_button(
            "eye", "Follow the live run", help="Show what is being drawn now", parent=self
        )
        self.rate = QComboBox(self)
        self.rate.setAccessibleName("Preview rate")
        self.rate.setToolTip("How often the picture is previewed while it forms")
        for hz, title in RATES:
            self.rate.addItem(title, hz)
        self.rate.setMinimumWidth(76)
        calm_wheel(self.rate)
        self.save = tool_button("save", "Save picture as…", "Ctrl+S", parent=self)
        self.copy = tool_button("copy", "Copy picture", "Ctrl+Shift+C", parent=self)

        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        layout.setSpacing(SPACING // 2)
        for widget in (
            self.fit,
            self.actual,
            self.zoom_out,
            self.zoom_in,
            self.zoom_text,
            self.smooth,
            self.live,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addWidget(text_label("Preview", "small", self, buddy=self.rate))
        layout.addWidget(self.rate)
        layout.addSpacing(SPACING)
        layout.addWidget(self.copy)
        layout.addWidget(self.save)

        self.fit.clicked.connect(view.fit)
        self.actual.clicked.connect(lambda: view.set_zoom(1.0))
        self.zoom_out.clicked.connect(lambda: view.set_zoom(view.zoom / 1.25))
        self.zoom_in.clicked.connect(lambda: view.set_zoom(view.zoom * 1.25))
        self.smooth.setChecked(state.settings.values.smooth_preview)
        view.set_smooth(state.settings.values.smooth_preview)
        self.smooth.toggled.connect(lambda on: state.settings.set(smooth_preview=on))
        self.live.clicked.connect(self._follow_live)
        self.rate.activated.connect(lambda row: state.settings.set(preview_hz=RATES[row][0]))
        self.save.clicked.connect(lambda: save_picture(state, self))
        self.copy.clicked.connect(lambda: copy_picture(view))
        state.settings.changed.connect(self._on_setting)
        state.canvas.runChanged.connect(self.refresh)
        state.canvas.picturesChanged.connect(self.refresh)
        state.canvas.positionChanged.connect(self.refresh)
        view.zoomChanged.connect(self.refresh)
        self._refresh_rate()
        self.refresh()

    def refresh(self) -> None:
        has_image = not self._view.image.isNull()
        for button in (self.fit, self.actual, self.zoom_out, self.zoom_in, self.copy):
            button.setEnabled(has_image)
        self.save.setEnabled(self._state.canvas.picture is not None)
        self.zoom_text.setText(f"{self._view.zoom * 100:.0f} %" if has_image else "")
        runs, canvas = self._state.runs, self._state.canvas
        is_elsewhere = bool(runs.picked) or canvas.position != LIVE
        self.live.setVisible(is_elsewhere and bool(runs.active()))

    def _follow_live(self) -> None:
        self._state.runs.select("")
        self._state.canvas.show(LIVE)

    def _refresh_rate(self) -> None:
        hz = self._state.settings.values.preview_hz
        nearest = min(range(len(RATES)), key=lambda row: abs(RATES[row][0] - hz))
        with QSignalBlocker(self.rate):
            self.rate.setCurrentIndex(nearest)

    def _on_setting(self, name: str) -> None:
        if name == "smooth_preview":
            self._view.set_smooth(self._state.settings.values.smooth_preview)
        elif name == "preview_hz":
            self._refresh_rate()
