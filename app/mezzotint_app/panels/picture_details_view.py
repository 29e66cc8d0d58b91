"""One picture of the gallery with all its settings, and what can be done with it."""

from __future__ import annotations

import os
import time

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.command_button import command_button, command_push_button
from mezzotint_app.panels.gallery_commands import COPY_PROMPT, COPY_SEED, OPEN_FOLDER, USE_SETTINGS
from mezzotint_app.panels.picture_actions import find_spec
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.spec_facts import spec_facts
from mezzotint_sdk.errors import MezzotintError
from mezzotint_sdk.job_spec import GenerateSpec
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["PictureDetailsView"]

PROMPT_LINES = 3
SHOWN_PROMPT_CHARS = 20_000  # a prompt of 1 MB would hold the window for seconds; it is copied whole


class PictureDetailsView(QWidget):
    compareWanted = Signal()
    deleteWanted = Signal()

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._record: ArtifactRecord | None = None
        self._facts: list[tuple[str, str]] = []
        self.title = ElidedLabel("", "heading", self)
        self.problem = text_label("", "error", self, wraps=True)
        self.use_button = command_push_button(USE_SETTINGS, state, "primary", self)
        self.compare_button = tool_button(
            "compare",
            "Compare two pictures",
            "Ctrl+Shift+D",
            "Select two pictures to see what differs",
            self,
        )
        self.compare_button.clicked.connect(self.compareWanted)
        self.prompt_button = command_button(COPY_PROMPT, state, self)
        self.seed_button = command_button(COPY_SEED, state, self)
        self.folder_button = command_button(OPEN_FOLDER, state, self)
        self.delete_button = tool_button("delete", "Delete", "Delete", "It can be undone", self)
        self.delete_button.clicked.connect(self.deleteWanted)
        self.prompt = self._text_field("Prompt")
        self.negative = self._text_field("Negative prompt")
        self.negative_title = text_label("Negative prompt", "small", self, buddy=self.negative)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACING * 2)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[QLabel, QLabel]] = []
        self._lay_out()
        state.gallery.selectionChanged.connect(self.refresh)
        self.refresh()

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is shown as (title, value)."""
        return self._facts

    def _text_field(self, name: str) -> QPlainTextEdit:
        field = QPlainTextEdit(self)
        field.setReadOnly(True)
        field.setTabChangesFocus(True)
        field.setAccessibleName(f"{name} of the picture")
        field.setFrameShape(QFrame.Shape.NoFrame)
        field.setFixedHeight(field.fontMetrics().lineSpacing() * PROMPT_LINES + 14)
        return field

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACING // 2)
        buttons.addWidget(self.use_button, 1)
        buttons.addWidget(self.compare_button)
        top = QHBoxLayout()
        top.setSpacing(SPACING // 2)
        top.addWidget(self.title, 1)
        for button in (self.prompt_button, self.seed_button, self.folder_button, self.delete_button):
            top.addWidget(button)
        inside = QWidget(self)
        body = QVBoxLayout(inside)
        body.setContentsMargins(SPACING, 0, SPACING, SPACING)
        body.setSpacing(SPACING // 2)
        body.addWidget(self.prompt)
        body.addWidget(self.negative_title)
        body.addWidget(self.negative)
        body.addSpacing(SPACING // 2)
        body.addLayout(self._grid)
        body.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head = QVBoxLayout()
        head.setContentsMargins(SPACING, SPACING, SPACING, SPACING // 2)
        head.setSpacing(SPACING // 2)
        head.addLayout(top)
        head.addWidget(self.problem)
        head.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(scroll, 1)

    def refresh(self) -> None:
        """Show the first of the selected pictures."""
        selected = self._state.gallery.selected
        self.compare_button.setEnabled(len(selected) == 2)
        record = selected[0] if selected else None
        for button in (self.use_button, self.prompt_button, self.seed_button, self.folder_button):
            button.setEnabled(record is not None)
        self.delete_button.setEnabled(record is not None)
        if record is None:
            self._record = None
            return
        size = f"{record.width} × {record.height}"
        self.title.setText(size if len(selected) == 1 else "First of the selected")
        if self._record is not None and self._record.artifact_id == record.artifact_id:
            return
        self._record = record
        missing = not os.path.exists(record.path)
        name = os.path.basename(record.path)
        self._say(
            f"The file {name} is missing: it was moved or deleted outside of Mezzotint." if missing else ""
        )
        self._set_text(self.prompt, record.prompt or "No prompt")
        self._set_text(self.negative, "")
        self._show_facts(self._file_facts(record))
        find_spec(
            self._state,
            record,
            lambda spec: self._on_spec(record, spec),
            lambda error: self._on_no_spec(record, error),
        )

    def _on_spec(self, record: ArtifactRecord, spec: GenerateSpec) -> None:
        if self._record is record:
            self._set_text(self.prompt, spec.prompt or "No prompt")
            self._set_text(self.negative, spec.negative_prompt)
            self._show_facts(spec_facts(spec) + self._file_facts(record))

    def _on_no_spec(self, record: ArtifactRecord, error: MezzotintError) -> None:
        if self._record is record and not self.problem.text():
            self._say(error.message)

    def _say(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))

    def _set_text(self, field: QPlainTextEdit, text: str) -> None:
        cut = f"{text[:SHOWN_PROMPT_CHARS]}…" if len(text) > SHOWN_PROMPT_CHARS else text
        if cut != field.toPlainText():
            field.setPlainText(cut)
        if field is self.negative:
            self.negative.setVisible(bool(text))
            self.negative_title.setVisible(bool(text))

    def _file_facts(self, record: ArtifactRecord) -> list[tuple[str, str]]:
        made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return [
            ("Made", made),
            ("File", os.path.basename(record.path)),
            ("File size", _size_text(record.nbytes)),
            ("Run", record.run_id),
        ]

    def _show_facts(self, facts: list[tuple[str, str]]) -> None:
        self._facts = facts
        while len(self._rows) < len(facts):
            title, value = text_label("", "muted", self), text_label("", "", self)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            value.setWordWrap(True)
            value.setMinimumWidth(1)  # one long word must not push the fields out of a narrow panel
            row = len(self._rows)
            self._grid.addWidget(title, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
            self._rows.append((title, value))
        for place, (title_label, value_label) in enumerate(self._rows):
            is_used = place < len(facts)
            title_label.setVisible(is_used)
            value_label.setVisible(is_used)
            if is_used:
                title_label.setText(facts[place][0])
                value_label.setText(facts[place][1])
                value_label.setToolTip(facts[place][1])


def _size_text(nbytes: int) -> str:
    if nbytes < 10_000:
        return f"{nbytes:,} bytes"
    return f"{nbytes / 1000:,.0f} kB" if nbytes < 10_000_000 else f"{nbytes / 1_000_000:,.1f} MB"
