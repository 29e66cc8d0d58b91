"""Which kind of view: segments side by side, or one combo box where there is no room for them."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.segmented_choice import SegmentedChoice

__all__ = ["FACTS", "ViewChoice"]

FACTS = "facts"  # offered where they have no place of their own

VIEWS = [
    ("numbers", "Numbers", "", "A table of the slice's numbers"),
    ("heat_map", "Heat map", "", "The slice as colours"),
    ("histogram", "Histogram", "", "How often which values occur"),
    ("picture", "Picture", "", "The slice as a picture: red, green, blue"),
    ("channels", "Channels", "", "All channels as pictures in a grid"),
    ("latent", "Latent", "", "The latent, decoded by the model's own VAE"),
    ("attention", "Attention", "", "Attention maps by head, with the prompt's tokens"),
]


class ViewChoice(QWidget):
    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.segments = SegmentedChoice("View", VIEWS, self)
        self.combo = QComboBox(self)
        self.combo.setAccessibleName("View")
        self.combo.setMinimumContentsLength(8)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        calm_wheel(self.combo)
        for key, title, _icon, help in VIEWS:
            self.combo.addItem(title, key)
            self.combo.setItemData(self.combo.count() - 1, help, Qt.ItemDataRole.ToolTipRole)
        self.segments.chosen.connect(self.chosen)
        self.combo.activated.connect(lambda row: self.chosen.emit(self.combo.itemData(row)))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.segments)
        layout.addWidget(self.combo)
        self._fit()

    def offer_facts(self, offered: bool) -> None:
        """Offer the facts and statistics as if they were a view, at the end."""
        if offered == self.offers_facts:
            return
        with QSignalBlocker(self.combo):
            if offered:
                self.combo.addItem("Facts and statistics", FACTS)
            else:
                self.combo.removeItem(self.combo.findData(FACTS))
        self._fit()

    @property
    def offers_facts(self) -> bool:
        return self.combo.findData(FACTS) >= 0

    def set_chosen(self, key: str) -> None:
        self.segments.set_chosen(key)
        with QSignalBlocker(self.combo):
            self.combo.setCurrentIndex(self.combo.findData(key))

    def set_reasons(self, reasons: dict[str, str]) -> None:
        """Disable the kinds that have a reason; their tooltips say it."""
        model = self.combo.model()
        for row, (key, _title, _icon, help) in enumerate(VIEWS):
            reason = reasons.get(key, "")
            button = self.segments.button(key)
            button.setEnabled(not reason)
            button.setToolTip(reason or help)
            button.setAccessibleDescription(reason)
            self.combo.setItemData(row, reason or help, Qt.ItemDataRole.ToolTipRole)
            assert isinstance(model, QStandardItemModel)
            model.item(row).setEnabled(not reason)

    def minimumSizeHint(self) -> QSize:
        return self.combo.minimumSizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        has_room = not self.offers_facts and self.width() >= self.segments.sizeHint().width()
        self.segments.setVisible(has_room)
        self.combo.setVisible(not has_room)
