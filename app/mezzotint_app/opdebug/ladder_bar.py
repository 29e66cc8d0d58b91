"""Where the run stands: run → step → phase → module → op. A click on one of them sets the level of steps."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from mezzotint_app.commands import tooltip
from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING, theme_manager
from mezzotint_app.opdebug.level_names import LEVEL_TITLES, place_texts
from mezzotint_app.state.debug_state import FAILURES, LEVELS, DebugState
from mezzotint_sdk.debug_records import Level, Place, Stop

__all__ = ["LadderBar"]

FAR_TO_NEAR: tuple[Level, ...] = tuple(reversed(LEVELS))
ARROW_PX = 12
LEAST_PX = 44
# which end of a text matters where there is not room for all of it
ELIDES = {"module": Qt.TextElideMode.ElideLeft, "op": Qt.TextElideMode.ElideMiddle}


class _Rung(QToolButton):
    """One level; it shortens its text where there is no room."""

    def __init__(self, level: Level, parent: QWidget) -> None:
        super().__init__(parent)
        self.level = level
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("role", "rung")
        self._whole = ""
        policy = QSizePolicy.Policy.Preferred if level in ELIDES else QSizePolicy.Policy.Fixed
        self.setSizePolicy(policy, QSizePolicy.Policy.Fixed)

    @property
    def whole(self) -> str:
        return self._whole

    def show_text(self, text: str) -> None:
        if text != self._whole:
            self._whole = text
            title = LEVEL_TITLES[self.level]
            self.setAccessibleName(f"{title}: {text}")
            self.setToolTip(tooltip(text, "", f"Click to step by {title.lower()}"))
            self.setText(text)
            self.updateGeometry()
        self.setVisible(bool(text))

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self._whole) + 3 * SPACING
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        hint = self.sizeHint()
        return QSize(min(LEAST_PX, hint.width()), hint.height()) if self.level in ELIDES else hint

    def paintEvent(self, event: QPaintEvent) -> None:
        mode = ELIDES.get(self.level, Qt.TextElideMode.ElideRight)
        room = self.width() - 2 * SPACING
        text = self.fontMetrics().elidedText(self._whole, mode, room)
        if text != self.text():
            self.setText(text)
        super().paintEvent(event)


class _Arrow(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(ARROW_PX, ARROW_PX)
        theme_manager().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        icon("chevron-right", "muted").paint(painter, self.rect())
        painter.end()


def _side_of(stop: Stop) -> str:
    if stop.reason in FAILURES:
        return "failed"
    return "before it runs" if stop.place.op and stop.place.when == "before" else ""


class LadderBar(QWidget):
    """The place of the stop; while the run goes on, the last one, faded."""

    def __init__(self, debug: DebugState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._debug = debug
        self.setAccessibleName("Place on the ladder")
        self.rungs: dict[Level, _Rung] = {}
        self._arrows: dict[Level, _Arrow] = {}
        self.place = Place()
        self._is_stale = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for level in FAR_TO_NEAR:
            if level != FAR_TO_NEAR[0]:
                self._arrows[level] = _Arrow(self)
                row.addWidget(self._arrows[level])
            rung = _Rung(level, self)
            rung.clicked.connect(lambda _checked=False, level=level: debug.set_level(level))
            self.rungs[level] = rung
            row.addWidget(rung)
        self.side = QLabel(self)
        self.side.setProperty("role", "small")
        self.side.setTextFormat(Qt.TextFormat.PlainText)
        row.addSpacing(SPACING // 2)
        row.addWidget(self.side)
        row.addStretch(1)
        debug.stop_changed.connect(self._on_stop)
        debug.level_changed.connect(self._show_level)
        self._on_stop()
        self._show_level()

    def _on_stop(self) -> None:
        stop = self._debug.stop
        if stop is not None:
            self.place = stop.place
            self.side.setText(_side_of(stop))
        texts = place_texts(self.place) if self._debug.run_id else {}
        self._set_stale(stop is None)
        for level, rung in self.rungs.items():
            rung.show_text(texts.get(level, ""))
            if level in self._arrows:
                self._arrows[level].setVisible(level in texts)

    def _set_stale(self, is_stale: bool) -> None:
        if is_stale != self._is_stale:
            self._is_stale = is_stale
            for rung in self.rungs.values():
                rung.setProperty("stale", is_stale)
                rung.style().unpolish(rung)
                rung.style().polish(rung)

    def _show_level(self) -> None:
        if self._debug.level in self.rungs:
            self.rungs[self._debug.level].setChecked(True)
