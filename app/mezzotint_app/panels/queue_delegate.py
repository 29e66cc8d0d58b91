"""Draws one row of the queue: title and state on the first line, how it stands below, then its progress."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mezzotint_app.look.theme import FONT_BODY, FONT_SMALL, RADIUS, SPACING, Theme, theme_manager
from mezzotint_app.panels.queue_model import HEADING_ROLE, RUN_ROLE, QueueModel, run_title
from mezzotint_app.state.progress_text import progress_part
from mezzotint_sdk.records import ACTIVE_STATES, RunRecord

__all__ = ["QueueDelegate"]

BAR_PX = 4
LINE_GAP = 2
# state → colour of its text and of its ground
COLORS = {
    "running": ("accent", "accent_soft"),
    "paused": ("warning", "warning_soft"),
    "stopping": ("warning", "warning_soft"),
    "finished": ("success", ""),
    "failed": ("danger", "danger_soft"),
    "interrupted": ("warning", "warning_soft"),
    "cancelled": ("muted", ""),
    "queued": ("muted", ""),
}

AnyIndex = QModelIndex | QPersistentModelIndex


class QueueDelegate(QStyledItemDelegate):
    """Heights depend on the fonts alone; they are measured once for each font."""

    def __init__(self, model: QueueModel) -> None:
        super().__init__(model)
        self._model = model
        self._font_key = ""
        self._measure(QFont())

    def _measure(self, font: QFont) -> None:
        key = font.toString()
        if key == self._font_key:
            return
        self._font_key = key
        self._body, self._small, self._bold = QFont(font), QFont(font), QFont(font)
        self._body.setPointSizeF(FONT_BODY)
        self._small.setPointSizeF(FONT_SMALL)
        self._bold.setPointSizeF(FONT_SMALL)
        self._bold.setWeight(QFont.Weight.DemiBold)
        self._body_px = QFontMetrics(self._body).height()
        self._small_metrics = QFontMetrics(self._small)
        self._small_px = self._small_metrics.height()

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        run = index.data(RUN_ROLE)
        if run is None:
            return QSize(80, self._small_px + 2 * SPACING)
        height = self._body_px + LINE_GAP + self._small_px + 2 * SPACING
        return QSize(80, height + BAR_PX + SPACING // 2 if run.state in ACTIVE_STATES else height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        self._measure(option.font)
        theme = theme_manager().theme
        rect: QRect = option.rect
        painter.save()
        heading = index.data(HEADING_ROLE)
        if heading is not None:
            title, count = heading
            painter.setFont(self._bold)
            painter.setPen(theme.color("muted"))
            place = rect.adjusted(SPACING + SPACING // 2, 0, -SPACING, -SPACING // 2)
            painter.drawText(
                place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, f"{title} · {count:,}"
            )
        else:
            run = index.data(RUN_ROLE)
            if run is not None:
                self._paint_run(painter, rect, option.state, run, theme)
        painter.restore()

    def _paint_run(
        self, painter: QPainter, rect: QRect, state: QStyle.StateFlag, run: RunRecord, theme: Theme
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        card = QRectF(rect).adjusted(SPACING / 2, 1, -SPACING / 2, -1)
        painter.setPen(Qt.PenStyle.NoPen)
        if state & QStyle.StateFlag.State_Selected:
            painter.setBrush(theme.color("accent_soft"))
            painter.drawRoundedRect(card, RADIUS, RADIUS)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(theme.color("hover"))
            painter.drawRoundedRect(card, RADIUS, RADIUS)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("focus"), 1))
            painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        inner = rect.adjusted(SPACING + SPACING // 2, SPACING - 1, -SPACING - SPACING // 2, -SPACING + 1)
        chip = self._paint_chip(painter, inner, run, theme)
        painter.setFont(self._body)
        painter.setPen(theme.color("text"))
        line = QRect(inner.left(), inner.top(), chip - SPACING - inner.left(), self._body_px)
        self._draw_line(painter, line, run_title(run))
        painter.setFont(self._small)
        bad = run.state in ("failed", "interrupted") and run.error is not None
        painter.setPen(theme.color("danger" if bad and run.state == "failed" else "muted"))
        line = QRect(inner.left(), line.bottom() + 1 + LINE_GAP, inner.width(), self._small_px)
        self._draw_line(painter, line, self._second_line(run))
        if run.state in ACTIVE_STATES:
            self._paint_bar(
                painter, QRect(inner.left(), inner.bottom() - BAR_PX, inner.width(), BAR_PX), run, theme
            )

    def _second_line(self, run: RunRecord) -> str:
        if run.state in ACTIVE_STATES or run.state in ("failed", "interrupted"):
            return self._model.state_line(run)
        spec = run.spec
        name = spec.model.path.removeprefix("bundled:").rstrip("/").rsplit("/", 1)[-1]
        facts = [name, f"{spec.width} × {spec.height}", f"{spec.steps} steps", f"seed {spec.seed}"]
        if spec.count > 1:
            facts.insert(1, f"{spec.count} pictures")
        return " · ".join(facts)

    def _draw_line(self, painter: QPainter, rect: QRect, text: str) -> None:
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _paint_chip(self, painter: QPainter, inner: QRect, run: RunRecord, theme: Theme) -> int:
        """The state at the right; gives its left edge."""
        place = self._model.place_in_queue(run.run_id)
        text = run.state if place == 0 else "next" if place == 1 else f"#{place}"
        color, ground = COLORS[run.state]
        if self._model.standing(run) and run.state == "running":
            text, (color, ground) = "stopped", COLORS["paused"]
        width = self._small_metrics.horizontalAdvance(text) + (2 * SPACING if ground else 0)
        box = QRect(inner.right() - width + 1, inner.top(), width, self._small_px + 2)
        if ground:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(ground))
            painter.drawRoundedRect(QRectF(box), box.height() / 2, box.height() / 2)
        painter.setFont(self._small)
        painter.setPen(theme.color(color))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        return box.left()

    def _paint_bar(self, painter: QPainter, rect: QRect, run: RunRecord, theme: Theme) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("border"))
        painter.drawRoundedRect(QRectF(rect), BAR_PX / 2, BAR_PX / 2)
        progress = self._model.progress_of(run)
        if progress is None:
            return
        # over all pictures of the run; the short phases around the steps don't move it back
        part = (
            progress_part(progress)
            if progress.phase == "denoise"
            else float(progress.phase in ("decode", "save"))
        )
        whole = (progress.image_index + part) / max(1, progress.image_count)
        painter.setBrush(theme.color("accent" if run.state == "running" else "warning"))
        painter.drawRoundedRect(
            QRectF(rect.left(), rect.top(), rect.width() * min(1.0, whole), BAR_PX), BAR_PX / 2, BAR_PX / 2
        )
