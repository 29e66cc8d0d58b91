"""The gallery: all pictures as thumbnails, search, details, and what can be done with the selected ones."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSlider,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING
from mezzotint_app.look.widgets.empty_state import EmptyState
from mezzotint_app.look.widgets.text_label import text_label
from mezzotint_app.panels.compare_view import CompareView
from mezzotint_app.panels.gallery_commands import COPY_PROMPT, COPY_SEED, OPEN_FOLDER, USE_SETTINGS
from mezzotint_app.panels.picture_details_view import PictureDetailsView
from mezzotint_app.panels.picture_window import PictureWindow
from mezzotint_app.panels.thumbnail_grid import ThumbnailGrid
from mezzotint_app.state.app_state import AppState

__all__ = ["GalleryPanel"]

SEARCH_DELAY_MS = 200
EDGES = (56, 240)  # smallest and largest tile in logical pixels
MOST_SELECTED = 200  # records that others hear of; deleting works on all that are selected
WIDE_PX = 720  # from here on the details stand beside the grid


class GalleryPanel(QWidget):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._gallery = state.gallery
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search prompts")
        self.search.setAccessibleName("Search the gallery by prompt")
        self.search.setToolTip("Pictures whose prompt has all of these words")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search", "muted"), QLineEdit.ActionPosition.LeadingPosition)
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.setInterval(SEARCH_DELAY_MS)
        self._search_timer.timeout.connect(self._search_now)
        self.search.textChanged.connect(lambda _text: self._search_timer.start())
        self.search.returnPressed.connect(self._search_now)
        self.size_slider = QSlider(Qt.Orientation.Horizontal, self)
        self.size_slider.setRange(*EDGES)
        self.size_slider.setSingleStep(8)
        self.size_slider.setPageStep(32)
        self.size_slider.setValue(state.settings.values.thumbnail_px)
        self.size_slider.setFixedWidth(72)
        self.size_slider.setAccessibleName("Size of thumbnails")
        self.size_slider.setToolTip("Size of thumbnails")
        self.grid = ThumbnailGrid(state.gallery, self)
        self.grid.set_edge(self.size_slider.value())
        self.size_slider.valueChanged.connect(self.grid.set_edge)
        self.size_slider.valueChanged.connect(lambda edge: state.settings.set(thumbnail_px=edge))
        self.count = text_label("", "small", self)
        self.new_button = QPushButton(self.grid)
        self.new_button.setProperty("role", "primary")
        self.new_button.setToolTip("Go to the newest pictures")
        self.new_button.clicked.connect(self.go_to_newest)
        self.new_button.hide()
        self.empty = EmptyState(
            "gallery",
            "No pictures yet",
            "Press Generate and they appear here, each with all its settings.",
            parent=self,
        )
        self.details = PictureDetailsView(state, self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.grid)
        self.splitter = QSplitter(Qt.Orientation.Vertical, self)
        self.splitter.addWidget(self._stack)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.splitterMoved.connect(self._on_splitter_moved)
        self.details.hide()
        self._lay_out()
        self._add_actions()

        self.grid.opened.connect(self.open_row)
        self.grid.viewChanged.connect(self._on_view)
        self.grid.selectionModel().selectionChanged.connect(lambda *_: self._tell_selected())
        self.grid.selectionModel().currentChanged.connect(lambda *_: self._tell_selected())
        self.grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.grid.customContextMenuRequested.connect(self._open_menu)
        self.details.compareWanted.connect(self.compare_selected)
        self.details.deleteWanted.connect(self.delete_selected)
        self._gallery.changed.connect(self.refresh)
        self._gallery.reset.connect(self._select_again)
        self._gallery.rowsLoaded.connect(lambda _first, _last: self._tell_selected())
        self.refresh()

    def _lay_out(self) -> None:
        tools = QHBoxLayout()
        tools.setContentsMargins(SPACING, SPACING // 2, SPACING, SPACING // 2)
        tools.setSpacing(SPACING)
        tools.addWidget(self.search, 1)
        tools.addWidget(self.count)
        tools.addWidget(self.size_slider)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self.splitter, 1)

    def _add_actions(self) -> None:
        """Keys that work while the gallery has the focus."""
        self.open_action = QAction(icon("image"), "Open", self)
        self.open_action.triggered.connect(lambda: self.open_row(self.grid.currentIndex().row()))
        self.compare_action = QAction(icon("compare"), "Compare", self)
        self.compare_action.setShortcut(QKeySequence("Ctrl+Shift+D"))
        self.compare_action.triggered.connect(self.compare_selected)
        self.delete_action = QAction(icon("delete"), "Delete", self)
        self.delete_action.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        self.delete_action.triggered.connect(self.delete_selected)
        for action in (self.compare_action, self.delete_action):
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.grid.addAction(action)

    # --- what can be done --------------------------------------------------------------------------------

    def open_row(self, row: int) -> None:
        """Show a picture large."""
        if self._gallery.record(row) is not None:
            PictureWindow(self._state, row, self.window()).show()

    def compare_selected(self) -> None:
        selected = self._gallery.selected
        if len(selected) == 2:
            first, second = sorted(selected, key=lambda record: record.artifact_id)
            CompareView(self._state, first, second, self.window()).show()

    def delete_selected(self) -> None:
        self._gallery.delete_rows(self.grid.selected_ranges())

    def go_to_newest(self) -> None:
        self.grid.verticalScrollBar().setValue(0)

    # --- what shows --------------------------------------------------------------------------------------

    def refresh(self) -> None:
        gallery = self._gallery
        total = gallery.total
        if total:
            self._stack.setCurrentWidget(self.grid)
        else:
            self.empty.set_text(*self._why_empty())
            self._stack.setCurrentWidget(self.empty)
        self.count.setText(f"{total:,}" if total else "")
        self.count.setAccessibleName(f"{total:,} pictures")
        held = gallery.held_count
        self.new_button.setText("1 new picture" if held == 1 else f"{held:,} new pictures")
        self.new_button.setVisible(bool(held))
        self._place_new_button()

    def _why_empty(self) -> tuple[str, str]:
        gallery = self._gallery
        if gallery.problem:
            return "The gallery can't be shown", gallery.problem
        if gallery.search:
            return "No picture found", f"No prompt has all the words “{gallery.search}”."
        if not gallery.is_loaded:
            return "Waiting for the engine…", ""
        return "No pictures yet", "Press Generate and they appear here, each with all its settings."

    def _search_now(self) -> None:
        self._search_timer.stop()
        self._gallery.set_search(self.search.text())
        self.go_to_newest()

    def _on_view(self) -> None:
        self._gallery.hold(self.grid.verticalScrollBar().value() > 0)
        self._place_new_button()

    def _place_new_button(self) -> None:
        if self.new_button.isVisible():
            self.new_button.adjustSize()
            self.new_button.move((self.grid.viewport().width() - self.new_button.width()) // 2, SPACING)

    def _tell_selected(self) -> None:
        records = self.grid.selected_records(MOST_SELECTED)
        if records != self._gallery.selected:
            self._gallery.select(records)
            self.compare_action.setEnabled(len(records) == 2)
        if bool(records) == self.details.isHidden():
            self.details.setVisible(bool(records))
            self._apply_share()

    def _on_splitter_moved(self) -> None:
        grid, details = self.splitter.sizes()
        if grid and details:
            self._state.settings.set(gallery_share=round(grid / (grid + details), 3))

    def _apply_share(self) -> None:
        """Grid and details as they were left; both directions share one proportion."""
        share = self._state.settings.values.gallery_share
        room = max(self.splitter.width(), self.splitter.height())
        self.splitter.setSizes([round(room * share), round(room * (1 - share))])

    def _select_again(self) -> None:
        """After a reset: what was selected and is still in memory is selected again."""
        rows = [self._gallery.row_of(record.artifact_id) for record in self._gallery.selected]
        self.grid.select_rows([row for row in rows if row >= 0])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= WIDE_PX
        orientation = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if orientation != self.splitter.orientation():
            self.splitter.setOrientation(orientation)
            self._apply_share()
        self._place_new_button()

    # --- the menu ----------------------------------------------------------------------------------------

    def _open_menu(self, place: QPoint) -> None:
        menu = self.build_menu()
        if menu is not None:
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.grid.viewport().mapToGlobal(place))

    def build_menu(self) -> QMenu | None:
        """The context menu for what is selected; None when that is nothing."""
        selected = self._gallery.selected
        if not selected:
            return None
        menu = QMenu(self)
        menu.addAction(self.open_action)
        menu.addAction(self.compare_action)
        menu.addSeparator()
        for command in (USE_SETTINGS, COPY_PROMPT, COPY_SEED, OPEN_FOLDER):
            action = QAction(icon(command.icon), command.title, menu)
            action.triggered.connect(lambda _checked=False, command=command: command.run(self._state))
            menu.addAction(action)
        menu.addSeparator()
        menu.addAction(self.delete_action)
        return menu
