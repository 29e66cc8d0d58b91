"""The plots of a run in cards: time per step, time by phase, memory. Live, or of any finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QHideEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.look.widgets.tool_button import tool_button
from mezzotint_app.panels.plots_file_dialog import PlotsFileDialog
from mezzotint_app.panels.plots_loading import PlotsLoading
from mezzotint_app.panels.run_picker import RunPicker
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_app.state.series_buffer import Points
from mezzotint_sdk.records import ACTIVE_STATES

if TYPE_CHECKING:
    from mezzotint_app.plots.plot_board import PlotBoard
    from mezzotint_app.plots.plot_card import PlotCard

__all__ = ["PlotsPanel"]

# Of the rate of repaints in the settings. Measured: all cards cost 7 ms of a core each time; five times a
# second still look live, and leave the core to a worker that shares it.
PLOTS_SHARE = 0.25


class PlotsPanel(QWidget):
    """The window opens without pyqtgraph, which is made ready once there is an engine: see PlotsLoading.

    Nothing is drawn while the panel can't be seen (another tab, a minimised window).
    """

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._board: PlotBoard | None = None
        self._loading = PlotsLoading(state.series, self)
        self._loading.ready.connect(self._on_ready)
        self._loading.failed.connect(self._on_failed)
        self._is_stale = True
        self.picker = RunPicker(state.runs, self)
        self._fit = tool_button("fit", "Show everything", "Home", "Also by a double click on a plot", self)
        self._fit.clicked.connect(self.reset_views)
        self._copy = tool_button("copy", "Copy all plots as a picture", "", "One plot: Ctrl+C on it", self)
        self._copy.clicked.connect(self.copy_picture)
        self._export = tool_button("export", "Export the plots", help="As CSV, PNG or SVG", parent=self)
        self._export.clicked.connect(lambda: self.export())

        bar = QHBoxLayout()
        bar.setSpacing(SPACING)
        bar.addWidget(text_label("Run", "muted", self, buddy=self.picker))
        bar.addWidget(self.picker, 1)
        for button in (self._fit, self._copy, self._export):
            bar.addWidget(button)
        self.empty = EmptyState("plots", "No plots yet", "", parent=self)
        self.area = QScrollArea(self)
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.installEventFilter(self)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.area)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING)
        layout.setSpacing(SPACING // 2)
        layout.addLayout(bar)
        layout.addLayout(self._stack, 1)

        state.runs.reset.connect(self._loading.start)  # an engine is there, so a run may begin
        state.series.updated.connect(self._on_updated)
        state.series.runChanged.connect(lambda _run_id: self._follow())
        state.runs.runChanged.connect(self._on_run_changed)
        state.settings.changed.connect(self._on_setting)
        self._on_setting("repaint_hz")
        self._refresh()

    @property
    def cards(self) -> list[PlotCard]:
        return self._board.cards if self._board is not None else []

    # --- drawing ----------------------------------------------------------------------------------------

    def _on_setting(self, name: str) -> None:
        if name == "repaint_hz":
            self._state.series.set_rate(max(1.0, self._state.settings.values.repaint_hz * PLOTS_SHARE))

    def _follow(self) -> None:
        """Another run: its plots are drawn in a moment, from its beginning to its end."""
        for card in self.cards:
            card.follow()

    def _on_run_changed(self, run_id: str) -> None:
        if run_id == self._state.series.run_id and self._stack.currentWidget() is self.empty:
            self._on_updated()  # why there is nothing to see may have changed

    def _on_updated(self) -> None:
        self._is_stale = True
        if self._can_be_seen():
            self._refresh()

    def _can_be_seen(self) -> bool:
        handle = self.window().windowHandle()
        return self.isVisible() and handle is not None and handle.isExposed()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh_if_stale()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._is_stale = True

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self._refresh_if_stale()  # a window that comes back into view is painted, and not shown again

    def _refresh_if_stale(self) -> None:
        if self._is_stale:
            self._refresh()

    def _refresh(self) -> None:
        self._is_stale = False
        series = self._state.series
        has_points = any(
            (buffer := series.buffer(name)) is not None and buffer.total for name in series.names
        )
        for button in (self._fit, self._copy, self._export):
            button.setEnabled(has_points)
        run = series.run
        is_active = run is not None and run.state in ACTIVE_STATES
        has_begun = bool(self._state.series.laps) or self._stack.currentWidget() is self.area
        if not has_points and not (is_active and has_begun):
            self.empty.set_text(*self._why_empty())
            self._stack.setCurrentWidget(self.empty)
            return
        if self._board is None:
            self._loading.start()
            return
        if self._stack.currentWidget() is not self.area:
            self._stack.setCurrentWidget(self.area)
        self._board.refresh()

    def _why_empty(self) -> tuple[str, str]:
        run = self._state.series.run
        if self._state.series.error:
            return "These plots can't be shown", self._state.series.error
        if run is None:
            if self._state.runs.runs():
                return "No run is going on", "Press Generate, or choose an earlier run above."
            return "No plots yet", "Press Generate: time per step and memory are drawn here, live."
        if run.state == "queued":
            return "Waiting in the queue", "The plots begin when the run does."
        if run.finished is not None:
            return "Nothing was measured", "The run ended before its first step. Choose another one above."
        return "Nothing measured yet", "The plots begin with the first step of the run."

    def _on_ready(self) -> None:
        self._board = board = self._loading.board
        if board is not None:
            board.exportAsked.connect(self.export)
            board.copied.connect(self._on_copied)
            self.area.resize(self.empty.size())  # what it will have; a page that isn't shown has none yet
            self.area.setWidget(board)
            board.show()
            self._lay_out(board)
            self._on_updated()

    def _on_failed(self, reason: str) -> None:
        self._state.notices.show("error", f"Plots can't be drawn: {reason}.")

    def _lay_out(self, board: PlotBoard) -> None:
        board.arrange(self.area.width(), self.area.height(), self.area.verticalScrollBar().sizeHint().width())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self._board is not None:
            self._lay_out(self._board)
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self._board is not None:
            self._lay_out(self._board)

    def reset_views(self) -> None:
        for card in self.cards:
            card.reset_view()

    # --- taking away ------------------------------------------------------------------------------------

    def copy_picture(self) -> None:
        if self._board is not None:
            from mezzotint_app.plots.plot_export import picture_of

            QGuiApplication.clipboard().setPixmap(picture_of(self._board))
            self._on_copied("The plots are")

    def _on_copied(self, what: str) -> None:
        self._state.notices.show("info", f"{what} on the clipboard, as a picture.")

    def export(self, card: PlotCard | None = None) -> None:
        """Ask for a file and write it; its ending says which kind. A card: only that one."""
        settings = self._state.settings
        folder = Path(settings.values.picture_folder or Path.home())
        title = f"Export {card.title.lower()}" if card is not None else "Export the plots"
        dialog = PlotsFileDialog(folder, self._state.series.run_id, title, self)
        if dialog.exec():
            settings.set(picture_folder=str(dialog.path.parent))
            self.export_to(dialog.path, card)
        dialog.deleteLater()

    def export_to(self, path: Path, card: PlotCard | None = None) -> None:
        """Write CSV, PNG or SVG, by the file's ending; success and failure are told in a notice."""
        from mezzotint_app.plots import plot_export

        ending = path.suffix.lower()
        target = card if card is not None else self._board
        if ending == ".csv":
            self._state.series.read_whole(
                lambda series: self._write_csv(path, series),
                self._state.notices.show_error,
                card.series_names() if card is not None else None,
            )
        elif ending in (".png", ".svg") and target is not None:
            write = plot_export.write_png if ending == ".png" else plot_export.write_svg
            try:
                write(path, target)
            except OSError as error:
                self._on_write_failed(path, error)
            else:
                self._on_written(path)
        else:
            self._state.notices.show(
                "warning",
                f"Plots are exported as .csv, .png or .svg, not as {ending or 'a file without ending'}.",
            )

    def _write_csv(self, path: Path, series: list[tuple[str, str, Points]]) -> None:
        from mezzotint_app.plots import plot_export

        BackgroundTask(
            lambda: plot_export.write_csv(path, series),
            lambda _lines: self._on_written(path),
            lambda error: self._on_write_failed(path, error),
            owner=self,
        )

    def _on_written(self, path: Path) -> None:
        self._state.notices.show("info", f"The plots were written to {path.name}.", str(path))

    def _on_write_failed(self, path: Path, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._state.notices.show("error", f"The plots can't be written to {path.name}: {reason}.", str(path))
