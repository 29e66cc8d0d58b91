"""Every command by a few letters of its name, from the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.commands import Command, CommandTable, key_sequences
from mezzotint_app.look.icons import paint_icon
from mezzotint_app.look.theme import RADIUS, SPACING, theme_manager
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.panels.command_button import run_command
from mezzotint_app.panels.fuzzy_match import ranked
from mezzotint_app.state.app_state import AppState

__all__ = ["CommandPalette"]

WIDTH_PX, HEIGHT_PX, ROW_PX = 520, 400, 32
Index = QModelIndex | QPersistentModelIndex
COMMAND_ROLE = Qt.ItemDataRole.UserRole + 1
# not the item's own flag: a list view's arrow keys would get stuck at an item that is not enabled
ENABLED_ROLE = Qt.ItemDataRole.UserRole + 2


class _Delegate(QStyledItemDelegate):
    """Icon, title, and the shortcut at the right."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = theme_manager().theme
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        command: Command = index.data(COMMAND_ROLE)
        enabled = bool(index.data(ENABLED_ROLE))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(theme.color("accent_soft"))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawRoundedRect(rect.adjusted(2, 1, -2, -1), RADIUS, RADIUS)
        color = theme.color("text" if enabled else "muted")
        if command.icon:
            box = QRect(rect.left() + SPACING, rect.center().y() - 8, 17, 17)
            paint_icon(painter, box, command.icon, "text" if enabled else "muted")
        painter.setPen(color)
        inside = rect.adjusted(SPACING * 5, 0, -SPACING * 2, 0)
        flags = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inside, flags | Qt.AlignmentFlag.AlignLeft, command.title)
        keys = key_sequences(command.shortcut)
        if keys:
            painter.setPen(theme.color("muted"))
            text = keys[0].toString(QKeySequence.SequenceFormat.NativeText)
            painter.drawText(inside, flags | Qt.AlignmentFlag.AlignRight, text)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, ROW_PX)


class CommandPalette(QDialog):
    """Opens over the window; Enter runs the chosen command, Escape closes."""

    def __init__(self, commands: CommandTable, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._commands = commands
        self._state = state
        self.setAccessibleName("Command palette")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Type a command")
        self.search.setAccessibleName("Search commands")
        self.search.installEventFilter(self)
        self.list = QListView(self)
        self.list.setAccessibleName("Commands")
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setItemDelegate(_Delegate(self.list))
        self._model = QStandardItemModel(self)
        self.list.setModel(self._model)
        frame = QFrame(self)
        frame.setProperty("role", "card")
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(SPACING, SPACING, SPACING, SPACING)
        inner.addWidget(self.search)
        inner.addWidget(self.list)
        self.none = text_label("No command is called like that.", "muted", frame)
        self.none.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.none.setMargin(SPACING * 2)
        inner.addWidget(self.none, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame)
        self.search.textChanged.connect(lambda _text: self.refresh())
        self.search.returnPressed.connect(self.run_chosen)
        self.list.clicked.connect(lambda _index: self.run_chosen())
        self.refresh()

    def open_over(self, window: QWidget) -> None:
        """Show it below the top edge of a window, empty and ready to type."""
        self.search.clear()
        self.refresh()
        width = min(WIDTH_PX, window.width() - SPACING * 4)
        self.resize(width, min(HEIGHT_PX, window.height() - SPACING * 12))
        corner = window.mapToGlobal(window.rect().topLeft())
        self.move(corner.x() + (window.width() - width) // 2, corner.y() + SPACING * 8)
        self.show()
        self.search.setFocus()

    def refresh(self) -> None:
        self._model.clear()
        for command in ranked(self.search.text(), self._commands, lambda command: command.title):
            item = QStandardItem(command.title)
            item.setData(command, COMMAND_ROLE)
            item.setData(command.enabled(self._state), ENABLED_ROLE)
            item.setToolTip(command.help)
            self._model.appendRow(item)
        is_empty = not self._model.rowCount()
        self.list.setVisible(not is_empty)
        self.none.setVisible(is_empty)
        self._choose(0)

    def titles(self) -> list[str]:
        return [self._model.item(row).text() for row in range(self._model.rowCount())]

    def run_chosen(self) -> None:
        index = self.list.currentIndex()
        if not index.isValid() or not index.data(ENABLED_ROLE):
            return
        command: Command = index.data(COMMAND_ROLE)
        self.close()
        run_command(command, self._state)

    def _choose(self, row: int) -> None:
        count = self._model.rowCount()
        if count:
            self.list.setCurrentIndex(self._model.index(max(0, min(count - 1, row)), 0))
        # the keyboard is in the search field, so that is where a screen reader listens
        chosen = self.list.currentIndex()
        self.search.setAccessibleDescription(str(chosen.data()) if count else self.none.text())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            moves = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: 10,
                Qt.Key.Key_PageUp: -10,
            }
            if event.key() in moves:
                self._choose(self.list.currentIndex().row() + moves[Qt.Key(event.key())])
                return True
        return super().eventFilter(watched, event)
