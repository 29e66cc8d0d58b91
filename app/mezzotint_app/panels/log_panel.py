"""The log of engine and app, by topic and level, with search; follows the end unless one scrolls up."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import FONT_SMALL, SPACING
from mezzotint_app.look.widgets.calm_wheel import calm_wheel
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.log_detail import LogDetail
from mezzotint_app.panels.log_model import LEVELS, LogModel, line_text
from mezzotint_app.state.app_state import AppState

__all__ = ["LogPanel"]

ROW_PX = 20
COPY_LIMIT = 20_000
LEVEL_COLUMN, MESSAGE_COLUMN = 1, 3
COMPACT_PX = 560


class LogPanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log = state.log
        self._notices = state.notices
        self.model = LogModel(state.log)
        self.model.setParent(self)
        self.level = QComboBox(self)
        self.level.setAccessibleName("Lowest level")
        self.level.setToolTip("Show lines of this level and above")
        for name in LEVELS:
            self.level.addItem(name.capitalize(), name)
        self.level.setCurrentIndex(LEVELS.index(self.model.level))
        self.topic = QComboBox(self)
        self.topic.setAccessibleName("Topic")
        self.topic.setToolTip("Show lines of one topic")
        calm_wheel(self.level, self.topic)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search the log")
        self.search.setAccessibleName("Search the log")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.copy = tool_button("copy", "Copy selected lines, or all that are shown", "Ctrl+C", parent=self)
        self.clear = tool_button("delete", "Clear the log in this window", parent=self)
        self.table = self._build_table()
        self.empty = EmptyState("log", "No log lines", "What engine and app do is written here.", parent=self)
        self.detail = LogDetail(self)
        lines = QWidget(self)
        column = QVBoxLayout(lines)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.table, 1)
        column.addWidget(self.detail)
        self._lines = lines
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(lines)

        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING)
        tools.addWidget(self.level)
        tools.addWidget(self.topic)
        tools.addWidget(self.search, 1)
        tools.addWidget(self.copy)
        tools.addWidget(self.clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self._stack, 1)

        self.level.activated.connect(lambda _row: self._filter())
        self.topic.activated.connect(lambda _row: self._filter())
        self.search.textChanged.connect(lambda _text: self._filter())
        self.copy.clicked.connect(self.copy_lines)
        self.clear.clicked.connect(self._log.clear)
        self._log.topicsChanged.connect(self._refresh_topics)
        self.model.rowsAboutToBeInserted.connect(self._before_rows)
        self.model.rowsInserted.connect(self._after_rows)
        self.model.modelReset.connect(self._after_reset)
        self.model.rowsRemoved.connect(self._after_removed)
        self.table.selectionModel().selectionChanged.connect(self._show_detail)
        self._at_end = True
        self._fit_columns()
        self._refresh_topics()
        self._after_reset()

    def copy_lines(self) -> None:
        """Copy the selected lines, or all that the filter shows."""
        rows = self._selected_rows() or list(range(self.model.rowCount()))[-COPY_LIMIT:]
        if rows:
            QGuiApplication.clipboard().setText("\n".join(line_text(self.model.line(row)) for row in rows))
            what = "One line of the log is" if len(rows) == 1 else f"{len(rows):,} lines of the log are"
            self._notices.show("info", f"{what} on the clipboard.")

    def _selected_rows(self) -> list[int]:
        return sorted({index.row() for index in self.table.selectionModel().selectedRows()})

    def _show_detail(self) -> None:
        """The whole of a line that is selected alone, where its row can't show it all."""
        rows = self._selected_rows()
        line = self.model.line(rows[0]) if len(rows) == 1 else None
        if line is not None and not line.detail:
            index = self.model.index(rows[0], MESSAGE_COLUMN)
            width = self.table.fontMetrics().horizontalAdvance(index.data()) + 2 * SPACING
            if "\n" not in line.message and width <= self.table.columnWidth(MESSAGE_COLUMN):
                line = None
        self.detail.show_line(line)
        if rows and self.detail.isVisible():
            self.table.scrollTo(self.model.index(rows[0], 0))

    def _build_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(self.model)
        table.setAccessibleName("Log lines")
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(FONT_SMALL)
        table.setFont(font)
        rows = table.verticalHeader()
        rows.hide()
        # fixed heights: with heights by content Qt would measure each of 100,000 rows
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(ROW_PX)
        rows.setDefaultSectionSize(ROW_PX)
        columns = table.horizontalHeader()
        columns.setStretchLastSection(True)
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return table

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def _fit_columns(self) -> None:
        """The message needs the room: in a narrow panel the others take less."""
        compact = self.width() < COMPACT_PX
        self.model.set_compact(compact)
        self.table.setColumnHidden(LEVEL_COLUMN, compact)
        for column, width in enumerate((72, 0, 100) if compact else (104, 72, 128)):
            if width:
                self.table.setColumnWidth(column, width)

    def _filter(self) -> None:
        self.model.set_filter(self.level.currentData(), self.topic.currentData() or "", self.search.text())

    def _refresh_topics(self) -> None:
        chosen = self.topic.currentData() or ""
        with QSignalBlocker(self.topic):
            self.topic.clear()
            self.topic.addItem("All topics", "")
            for name in sorted(self._log.topics):
                self.topic.addItem(name, name)
            self.topic.setCurrentIndex(max(0, self.topic.findData(chosen)))

    def _before_rows(self) -> None:
        bar = self.table.verticalScrollBar()
        self._at_end = bar.value() >= bar.maximum()

    def _after_rows(self) -> None:
        self._stack.setCurrentWidget(self._lines)
        if self._at_end:
            self.table.scrollToBottom()

    def _after_removed(self) -> None:
        if self.model.rowCount() == 0:
            self._after_reset()

    def _after_reset(self) -> None:
        is_empty = self.model.rowCount() == 0
        self._show_detail()
        if self._log.lines:
            self.empty.set_text(
                "No line matches", "Choose a lower level, another topic, or clear the search."
            )
        else:
            self.empty.set_text("No log lines", "What engine and app do is written here.")
        self._stack.setCurrentWidget(self.empty if is_empty else self._lines)
        self.table.scrollToBottom()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_lines()
        elif event.key() == Qt.Key.Key_Escape and self._selected_rows():
            self.table.clearSelection()
        else:
            super().keyPressEvent(event)
