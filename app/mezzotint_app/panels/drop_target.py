"""Files can be dropped anywhere on the window; while one is held over it, the window says what it will do."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QTextEdit, QWidget

from mezzotint_app.look.icons import paint_icon
from mezzotint_app.look.theme import FONT_TITLE, RADIUS, SPACING, theme_manager
from mezzotint_app.panels.open_files import FileKind, file_kind, open_files
from mezzotint_app.state.app_state import AppState

__all__ = ["DropTarget"]

ICON_PX = 48
WORDS: dict[FileKind, tuple[str, str]] = {
    "settings": ("sliders", "Drop to use the settings of this picture"),
    "picture": ("image", "Drop to start from this picture"),
    "prompts": ("list", "Drop to queue a job for each line"),
    "trace": ("list", "Drop to open this trace"),
    "": ("warning", "Only pictures, text files and traces can be dropped here"),
}


class _Overlay(QWidget):
    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.kind: FileKind = ""
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = theme_manager().theme
        icon_name, words = WORDS[self.kind]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.color("background", 0.85))
        painter.setPen(QPen(theme.color("accent"), 2, Qt.PenStyle.DashLine))
        frame = self.rect().adjusted(SPACING * 2, SPACING * 2, -SPACING * 2, -SPACING * 2)
        painter.drawRoundedRect(frame, RADIUS, RADIUS)
        box = QRect(0, 0, ICON_PX, ICON_PX)
        box.moveCenter(self.rect().center())
        box.translate(0, -ICON_PX)
        paint_icon(painter, box, icon_name, "accent")
        font = QFont(self.font())
        font.setPointSizeF(FONT_TITLE)
        painter.setFont(font)
        painter.setPen(theme.color("text"))
        words_box = QRect(frame.left(), box.bottom() + SPACING, frame.width(), ICON_PX)
        painter.drawText(words_box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)
        painter.end()


class DropTarget(QObject):
    """Watches a window, and the text fields in it, which would take a dropped file as text.

    `panels` are those of its docks: one behind another tab is not in the window's tree.
    """

    def __init__(self, window: QWidget, state: AppState, panels: Iterable[QWidget] = ()) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self.overlay = _Overlay(window)
        window.setAcceptDrops(True)
        window.installEventFilter(self)
        for root in (window, *panels):
            for kind in (QLineEdit, QPlainTextEdit, QTextEdit):
                for field in root.findChildren(kind):
                    field.installEventFilter(self)
                    if isinstance(field, QPlainTextEdit | QTextEdit):
                        field.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        match event.type():
            case QEvent.Type.DragEnter | QEvent.Type.DragMove:
                return self._on_drag(event)  # type: ignore[arg-type]
            case QEvent.Type.DragLeave:
                self.overlay.hide()
            case QEvent.Type.Drop:
                return self._on_drop(event)  # type: ignore[arg-type]
            case _:
                pass
        return False

    def _on_drag(self, event: QDragEnterEvent) -> bool:
        paths = self._paths(event)
        if not paths:
            return False
        kinds = [kind for path in paths if (kind := file_kind(path))]
        self.overlay.kind = kinds[0] if kinds else ""
        self.overlay.setGeometry(self._window.rect())
        self.overlay.raise_()
        self.overlay.show()
        self.overlay.update()
        event.acceptProposedAction()
        return True

    def _on_drop(self, event: QDropEvent) -> bool:
        self.overlay.hide()
        paths = self._paths(event)
        if not paths:
            return False
        event.acceptProposedAction()
        open_files(self._state, paths)
        return True

    def _paths(self, event: QDropEvent) -> list[str]:
        """Files that are dragged in from outside; pictures dragged out of this window are not for itself."""
        if event.source() is not None or not event.mimeData().hasUrls():
            return []
        return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
