"""A quiet banner for what the user should know: one sentence, details and copy on request, one action."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING, theme_manager
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.state.notice_state import Notice, NoticeState

__all__ = ["NoticeBar"]

INFO_MS = 8_000  # an info goes by itself; warnings and errors stay until they are dismissed
ASKING_MS = 30_000  # one with an action (Undo, "Queue 25 jobs") stays longer
LONG_SENTENCE = 400
DETAIL_LINES = 10
ICONS = {"info": ("info", "accent"), "warning": ("warning", "warning"), "error": ("error", "danger")}


class NoticeBar(QFrame):
    """Shows the newest notice; others wait behind it ("1 of 3")."""

    def __init__(self, notices: NoticeState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._open: list[Notice] = []
        self.setProperty("role", "notice")
        self.setAccessibleName("Notice")
        self._icon = QLabel(self)
        self.sentence = text_label("", "", self, wraps=True)
        self.sentence.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.count = text_label("", "small", self)
        self.action = QPushButton("", self)
        self.action.setAccessibleName("Action")
        self.details = QPushButton("Details", self)
        self.details.setCheckable(True)
        self.details.setProperty("role", "quiet")
        self.details.setToolTip("Show the whole text of the error")
        self.copy = tool_button("copy", "Copy the notice with its details", parent=self)
        self.close_button = tool_button("close", "Dismiss", "Esc", parent=self)
        self.detail_text = QPlainTextEdit(self)
        self.detail_text.setReadOnly(True)
        self.detail_text.setAccessibleName("Details")
        self.detail_text.setTabChangesFocus(True)
        self.detail_text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.detail_text.hide()

        row = QHBoxLayout()
        row.setSpacing(SPACING)
        row.addWidget(self._icon)
        row.addWidget(self.sentence, 1)
        for widget in (self.count, self.action, self.details, self.copy, self.close_button):
            row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING * 2, SPACING // 2, SPACING, SPACING // 2)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(row)
        layout.addWidget(self.detail_text)

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(INFO_MS)
        self._timer.timeout.connect(self._on_timeout)
        self.action.clicked.connect(self._on_action)
        self.details.toggled.connect(self.detail_text.setVisible)
        self.copy.clicked.connect(self._on_copy)
        self.close_button.clicked.connect(self.dismiss)
        notices.posted.connect(self._on_posted)
        notices.withdrawn.connect(self._on_withdrawn)
        theme_manager().changed.connect(self._refresh)
        self.hide()
        for notice in notices.notices:  # what was said before the window was there
            self._on_posted(notice)

    @property
    def current(self) -> Notice | None:
        return self._open[-1] if self._open else None

    def dismiss(self) -> None:
        """Put the notice in view away, and show the one behind it."""
        if self._open:
            self._open.pop()
            self._refresh()

    def _on_posted(self, notice: Notice) -> None:
        # the same sentence again replaces the old one; an info never covers an error for good
        self._open = [other for other in self._open if other.sentence != notice.sentence]
        self._open = [other for other in self._open if other.level != "info"]
        self._open.append(notice)
        self._refresh()
        # the keyboard stays where it is, so a screen reader has no other way to learn of it
        spoken = QAccessibleAnnouncementEvent(self, notice.sentence[:LONG_SENTENCE])
        if notice.level == "error":
            spoken.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(spoken)

    def _on_withdrawn(self, number: int) -> None:
        self._open = [notice for notice in self._open if notice.number != number]
        self._refresh()

    def _on_timeout(self) -> None:
        self._open = [notice for notice in self._open if notice.level != "info"]
        self._refresh()

    def _on_action(self) -> None:
        notice = self.current
        if notice is not None and notice.action is not None:
            self.dismiss()
            notice.action()

    def _on_copy(self) -> None:
        notice = self.current
        if notice is not None:
            QGuiApplication.clipboard().setText("\n".join(filter(None, (notice.sentence, notice.detail))))

    def _refresh(self) -> None:
        notice = self.current
        self._timer.stop()
        if notice is None:
            self.hide()
            return
        icon_name, color = ICONS[notice.level]
        self._icon.setPixmap(icon(icon_name, color).pixmap(20, 20))
        sentence = notice.sentence
        self.sentence.setText(sentence if len(sentence) <= LONG_SENTENCE else f"{sentence[:LONG_SENTENCE]}…")
        detail = notice.detail
        if len(sentence) > LONG_SENTENCE:
            detail = f"{sentence}\n\n{detail}".strip()
        self.detail_text.setPlainText(detail[:100_000])
        lines = min(DETAIL_LINES, self.detail_text.blockCount() + 1)  # one for the scroll bar
        frame = 2 * int(self.detail_text.document().documentMargin()) + 10
        self.detail_text.setFixedHeight(lines * self.detail_text.fontMetrics().lineSpacing() + frame)
        self.details.setChecked(False)
        self.details.setVisible(bool(detail))
        self.action.setText(notice.action_title)
        self.action.setAccessibleName(notice.action_title)
        self.action.setVisible(notice.action is not None)
        self.count.setText(f"1 of {len(self._open)}" if len(self._open) > 1 else "")
        self.count.setVisible(len(self._open) > 1)
        self.setAccessibleDescription(sentence)
        if self.property("level") != notice.level:
            self.setProperty("level", notice.level)
            self.style().unpolish(self)
            self.style().polish(self)
        self.show()
        if notice.level == "info":
            self._timer.start(INFO_MS if notice.action is None else ASKING_MS)
