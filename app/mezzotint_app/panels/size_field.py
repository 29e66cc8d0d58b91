"""Width and height in pixels, in steps that the model takes, with a swap and the sizes most used."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSpinBox, QToolButton, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.state.app_state import AppState

__all__ = ["SizeField", "common_sizes"]

RATIOS = ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16), (2, 1), (1, 2))


def common_sizes(side: int, multiple: int) -> list[tuple[int, int]]:
    """Sizes of about side × side pixels in the usual ratios, each side a multiple of `multiple`."""
    found: list[tuple[int, int]] = []
    for across, down in RATIOS:
        scale = side / (across * down) ** 0.5
        size = (
            max(multiple, round(across * scale / multiple) * multiple),
            max(multiple, round(down * scale / multiple) * multiple),
        )
        if size not in found:
            found.append(size)
    return found


class SizeField(QWidget):
    """Two spin boxes that step by what the model's size must be a multiple of."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._generate = state.generate
        self.width_box = self._box("Width")
        self.height_box = self._box("Height")
        self.width_box.valueChanged.connect(lambda value: self._generate.set(width=value))
        self.height_box.valueChanged.connect(lambda value: self._generate.set(height=value))
        self.swap = tool_button("swap", "Swap width and height", parent=self)
        self.swap.clicked.connect(self._on_swap)
        self.presets = tool_button("chevron-down", "Common sizes", parent=self)
        self.presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.presets)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.presets.setMenu(self._menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addWidget(self.width_box, 1)
        layout.addWidget(text_label("×", "muted", self))
        layout.addWidget(self.height_box, 1)
        layout.addWidget(self.swap)
        layout.addWidget(self.presets)
        self.setFocusProxy(self.width_box)
        self._generate.draftChanged.connect(self._on_draft_changed)
        self._generate.modelsChanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        model = self._generate.model
        for box, value in (
            (self.width_box, self._generate.draft.width),
            (self.height_box, self._generate.draft.height),
        ):
            box.setSingleStep(model.size_multiple if model is not None else 8)
            if box.value() != value:
                with QSignalBlocker(box):
                    box.setValue(value)

    def _box(self, name: str) -> QSpinBox:
        box = QSpinBox(self)
        box.setRange(8, 16_384)
        box.setAccessibleName(f"{name} in pixels")
        box.setToolTip(f"{name} in pixels")
        box.setMinimumWidth(56)
        box.setKeyboardTracking(False)  # "512" is one value, not 5, 51, 512
        calm_wheel(box)
        return box

    def _on_swap(self) -> None:
        draft = self._generate.draft
        self._generate.set(width=draft.height, height=draft.width)

    def _fill_menu(self) -> None:
        self._menu.clear()
        model = self._generate.model
        side = model.default_width if model is not None and model.default_width else 512
        multiple = model.size_multiple if model is not None else 8
        for width, height in common_sizes(side, multiple):
            action = self._menu.addAction(f"{width} × {height}")
            action.triggered.connect(
                lambda _checked=False, width=width, height=height: self._generate.set(
                    width=width, height=height
                )
            )

    def _on_draft_changed(self, field: str) -> None:
        if field in ("width", "height", "model"):
            self.refresh()
