"""The seed: a number up to 2^63 − 1, what becomes of it with each run, a dice, and the last one again."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.field_error import mark_invalid
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.settings_state import SeedMode
from mezzotint_sdk.job_spec import MAX_SEED

__all__ = ["SeedField"]

MODES: tuple[tuple[SeedMode, str, str], ...] = (
    ("random", "Random", "A new random seed for each run"),
    ("fixed", "Fixed", "The same seed for each run: the same picture"),
    ("next", "Next", "Counts on by the number of pictures after each run"),
)


class SeedField(QWidget):
    """A text field, because spin boxes end at 2^31. `mode` is a field of its own that the form places."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._generate = state.generate
        self.edit = QLineEdit(self)
        self.edit.setAccessibleName("Seed")
        self.edit.setToolTip("Same seed and settings: same picture")
        self.edit.setMinimumWidth(56)
        self.edit.textEdited.connect(self._on_edited)
        self.edit.editingFinished.connect(self.refresh)
        self.mode = QComboBox(parent)
        self.mode.setAccessibleName("Seed mode")
        for key, title, help in MODES:
            self.mode.addItem(title, key)
            self.mode.setItemData(self.mode.count() - 1, help, 3)  # ToolTipRole
        self.mode.activated.connect(lambda row: self._generate.set_seed_mode(MODES[row][0]))
        self.mode.setMinimumWidth(72)
        self.mode.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        calm_wheel(self.mode)
        self.dice = tool_button("dice", "Roll a random seed", parent=self)
        self.dice.clicked.connect(self._generate.roll_seed)
        self.last = tool_button("restore", "Use the last seed again", parent=self)
        self.last.clicked.connect(self._use_last)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING // 2)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.dice)
        layout.addWidget(self.last)
        self.setFocusProxy(self.edit)
        self._generate.draftChanged.connect(self._on_draft_changed)
        self._generate.submitted.connect(lambda _ids: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        generate = self._generate
        if self.edit.text() != str(generate.draft.seed):
            with QSignalBlocker(self.edit):
                self.edit.setText(str(generate.draft.seed))
        mark_invalid(self.edit, False)
        keys = [key for key, _, _ in MODES]
        with QSignalBlocker(self.mode):
            self.mode.setCurrentIndex(keys.index(generate.seed_mode))
        self.mode.setToolTip(MODES[keys.index(generate.seed_mode)][2])
        self.last.setEnabled(generate.last_seed is not None)

    def _on_edited(self, text: str) -> None:
        digits = text.strip()
        valid = digits.isascii() and digits.isdigit() and int(digits[:20]) <= MAX_SEED
        mark_invalid(self.edit, not valid)
        if valid:
            self._generate.set(seed=int(digits))
            if self._generate.seed_mode == "random":
                self._generate.set_seed_mode("fixed")  # who types a seed wants that one

    def _use_last(self) -> None:
        if self._generate.last_seed is not None:
            self._generate.set_seed_mode("fixed")
            self._generate.set(seed=self._generate.last_seed)

    def _on_draft_changed(self, field: str) -> None:
        typed = self.edit.hasFocus() and self.edit.text().strip() == str(self._generate.draft.seed)
        if field == "seed_mode" or (field == "seed" and not typed):
            self.refresh()
