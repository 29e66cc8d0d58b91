"""One line on the tensor in view: what it is, where nothing else says that, and whether it holds NaN or
Inf."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.opdebug.tensor_list_view import shape_text
from mezzotint_app.state.nonfinite_check import NonFiniteCheck
from mezzotint_app.state.tensor_view_state import TensorViewState

__all__ = ["TensorLine"]


class TensorLine(QWidget):
    """`show_facts`: also shape, type and device. It takes no room while it has nothing to say."""

    def __init__(self, view: TensorViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._shows_facts = False
        self.check = NonFiniteCheck(view, self)
        self.facts = ElidedLabel("", "small", self)
        self.bad = text_label("", "error", self)
        self.show_first = QPushButton("Show the first", self)
        self.show_first.setProperty("role", "quiet")
        self.show_first.setToolTip("Show the slice that holds the first NaN or Inf")
        self.show_first.clicked.connect(self.check.find_first)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.facts, 1)
        layout.addWidget(self.bad)
        layout.addWidget(self.show_first)
        view.tensorsChanged.connect(self.refresh)
        self.check.changed.connect(self.refresh)
        self.refresh()

    def show_facts(self, shown: bool) -> None:
        if shown != self._shows_facts:
            self._shows_facts = shown
            self.refresh()

    def refresh(self) -> None:
        facts, bad = self._view.facts, self.check.text
        known = self._shows_facts and facts is not None
        text = f"{shape_text(facts.shape)}  {facts.dtype}  {facts.device}" if known and facts else ""
        self.facts.setText(text)
        self.bad.setText(bad)
        self.bad.setVisible(bool(bad))
        self.show_first.setVisible(bool(bad) and bool(self._view.shape))
        self.setVisible(bool(text or bad))
