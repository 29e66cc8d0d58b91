"""How the mouse moves a plot: wheel and drag along the steps, each axis by itself, a double click for all."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QScrollArea, QWidget

__all__ = ["PlotBox", "PlotCanvas"]


class PlotBox(pg.ViewBox):
    """A view box whose height follows what is in view.

    Until the user sets it, with the wheel over the left axis or with Ctrl.
    """

    resetAsked = Signal()
    heightTaken = Signal()
    menuAsked = Signal(object)  # QPoint on the screen

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.0)
        self.disableAutoRange()
        self.height_is_manual = False

    def wheelEvent(self, ev: Any, axis: int | None = None) -> None:
        if axis is None:
            axis = 1 if ev.modifiers() & Qt.KeyboardModifier.ControlModifier else 0
        if axis == 1:
            self.height_is_manual = True
            self.heightTaken.emit()
        super().wheelEvent(ev, axis)

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        if ev.button() == Qt.MouseButton.RightButton:
            ev.ignore()
            return
        if axis == 1:
            self.height_is_manual = True
            self.heightTaken.emit()
        elif axis is None and not self.height_is_manual:
            axis = 0
        super().mouseDragEvent(ev, axis)

    def mouseClickEvent(self, ev: Any) -> None:
        if ev.double() and ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self.resetAsked.emit()
        elif ev.button() == Qt.MouseButton.RightButton:
            ev.accept()
            self.menuAsked.emit(ev.screenPos().toPoint())


class PlotCanvas(pg.PlotWidget):
    """A plot that lets the wheel scroll the panel, where that can scroll, until it is clicked."""

    def __init__(self, parent: QWidget, box: PlotBox, axes: dict[str, pg.AxisItem]) -> None:
        super().__init__(parent, viewBox=box, axisItems=axes)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the card has the keyboard
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAntialiasing(False)
        self.setFrameShape(self.Shape.NoFrame)

    def wheelEvent(self, event: QWheelEvent) -> None:
        card = self.parentWidget()
        if card is not None and not card.hasFocus() and _can_scroll(card):
            event.ignore()
            return
        super().wheelEvent(event)


def _can_scroll(widget: QWidget) -> bool:
    parent: QWidget | None = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            return parent.verticalScrollBar().maximum() > 0
        parent = parent.parentWidget()
    return False
