"""Attention maps of one head: queries by keys, or the places of the picture that look at one token."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QSpinBox, QVBoxLayout, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.flow_layout import FlowLayout
from mezzotint_app.opdebug.heat_map import HeatMap
from mezzotint_app.opdebug.index_axis import short_label
from mezzotint_app.opdebug.slice_bar import labelled
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["AttentionView"]

MATRIX = -1


class AttentionView(QWidget):
    """Rows are queries (places of the picture, or tokens), columns are keys."""

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._labels: tuple[str, ...] | None = None
        self.head = QSpinBox(self)
        self.head.setKeyboardTracking(False)
        self.head.setAccessibleName("Attention head")
        calm_wheel(self.head)
        self.head.valueChanged.connect(view.set_head)
        self.token = QComboBox(self)
        self.token.setAccessibleName("Token whose map is shown")
        self.token.setToolTip("The whole matrix, or which places of the picture look at one token")
        self.token.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.token.setMinimumContentsLength(10)
        calm_wheel(self.token)
        self.token.currentIndexChanged.connect(lambda _row: self._draw())
        self.map = HeatMap("Attention map", self)
        controls = FlowLayout(spacing=SPACING)
        self._head_pair = labelled("Head", self.head, self)
        self._token_pair = labelled("Token", self.token, self)
        controls.addWidget(self._head_pair)
        controls.addWidget(self._token_pair)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(controls)
        layout.addWidget(self.map, 1)

    def refresh(self) -> None:
        """Show what has come."""
        look = self._view.look
        if look is None:
            return
        with QSignalBlocker(self.head):
            self.head.setRange(0, max(0, look.heads - 1))
            self.head.setValue(self._view.settings.head)
        self.head.setToolTip(f"This has {look.heads:,} heads" if look.heads else "")
        self._head_pair.setVisible(look.heads > 1)
        self._offer_tokens(look.labels)
        self._draw()

    def _offer_tokens(self, labels: tuple[str, ...]) -> None:
        can_map = bool(labels) and self._side() > 1
        self._token_pair.setVisible(can_map)
        if labels != self._labels:
            self._labels = labels
            with QSignalBlocker(self.token):
                self.token.clear()
                self.token.addItem("All, as a matrix", MATRIX)
                for place, label in enumerate(labels):
                    self.token.addItem(f"{place}: {short_label(label)}", place)

    def _side(self) -> int:
        """Of the square picture that the queries are places of; 0 when they are not."""
        look, array = self._view.look, self._view.array
        if look is None or array is None or array.ndim != 2 or array.shape != (look.rows, look.columns):
            return 0
        side = math.isqrt(array.shape[0])
        is_picture = side * side == array.shape[0] and len(look.labels) != array.shape[0]
        return side if is_picture else 0

    def _draw(self) -> None:
        look, array = self._view.look, self._view.array
        if look is None or array is None or array.ndim != 2:
            return
        token, side = self.token.currentData(), self._side()
        if side > 1 and isinstance(token, int) and 0 <= token < array.shape[1]:
            picture = array[:, token].reshape(side, side)
            finite = picture[np.isfinite(picture)]
            low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
            self.map.show_map(picture, low, high)
            return
        self.map.show_map(
            array,
            look.low,
            look.high,
            rows=look.rows,
            columns=look.columns,
            is_difference=bool(self._view.settings.against),
            row_labels=look.labels,
            column_labels=look.labels,
        )
