"""The docks of the window: which there are, where they lie by default, and how one gets to them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QObject, QPoint, Qt
from PySide6.QtWidgets import QMainWindow, QSplitter, QWidget
from PySide6QtAds import ads

from mezzotint_app.look.icons import icon

__all__ = ["DockArea", "Panel"]

LEFT_PX, RIGHT_PX = 372, 300
LEAST_LEFT_PX = 340  # the form with a picture and its mask
CANVAS_SHARE = 0.56  # of the height, above the plots
# of the layout with the debugger: its source needs the width, its tensors the height
DEBUG_LEFT_PX, DEBUG_RIGHT_PX = 300, 400
CENTRE_SHARE, UPPER_RIGHT_SHARE = 0.52, 0.56
PLACES = ("centre", "left", "right", "below", "right_below")  # each before those that lie beside it

Flag = ads.CDockManager.eConfigFlag


@dataclass(frozen=True)
class Panel:
    """One dock: `place` is left, centre, below or right; docks of one place are tabs, in this order."""

    key: str
    title: str
    icon: str
    place: str
    widget: QWidget


class DockArea(QObject):
    """Qt Advanced Docking System with our panels in it."""

    def __init__(self, window: QMainWindow, panels: list[Panel]) -> None:
        super().__init__(window)
        for flag, on in (
            (Flag.DisableStylesheet, True),  # ours is the application's
            (Flag.OpaqueSplitterResize, True),
            (Flag.ActiveTabHasCloseButton, False),
            (Flag.AllTabsHaveCloseButton, False),
            (Flag.DockAreaHasCloseButton, False),
            (Flag.DockAreaHasUndockButton, False),
            (Flag.DockAreaHasTabsMenuButton, False),
            (Flag.AlwaysShowTabs, True),
            (Flag.DisableTabTextEliding, True),
            (Flag.EqualSplitOnInsertion, False),
            (Flag.FloatingContainerHasWidgetIcon, False),
            (
                Flag.XmlCompressionEnabled,
                False,
            ),  # Qt warns on the console when it uncompresses a damaged file,
        ):
            ads.CDockManager.setConfigFlag(flag, on)
        self._window = window
        self.panels = panels
        self.manager = ads.CDockManager(window)
        self.docks: dict[str, ads.CDockWidget] = {}
        areas: dict[str, ads.CDockAreaWidget] = {}
        for panel in panels:
            dock = self._make_dock(panel.key, panel.title, panel.icon, panel.widget)
            areas[panel.place] = self._put(panel.place, dock, areas)
        self.apply_default_sizes()
        self.show_first_tabs()
        self._default_state = self.manager.saveState()

    def _make_dock(self, key: str, title: str, icon_name: str, widget: QWidget) -> ads.CDockWidget:
        dock = ads.CDockWidget(self.manager, title)
        dock.setObjectName(key)
        dock.setWidget(widget, ads.CDockWidget.eInsertMode.ForceNoScrollArea)
        dock.setIcon(icon(icon_name, "muted"))
        dock.setMinimumSizeHintMode(ads.CDockWidget.eMinimumSizeHintMode.MinimumSizeHintFromContent)
        dock.setAccessibleName(title)
        widget.setAccessibleName(title)
        self.docks[key] = dock
        return dock

    def _put(
        self, place: str, dock: ads.CDockWidget, areas: dict[str, ads.CDockAreaWidget]
    ) -> ads.CDockAreaWidget:
        if place in areas:
            return self.manager.addDockWidgetTabToArea(dock, areas[place])
        if place == "centre":
            return self.manager.addDockWidget(ads.CenterDockWidgetArea, dock)
        if place == "below":
            return self.manager.addDockWidget(ads.BottomDockWidgetArea, dock, areas["centre"])
        if place == "right_below" and "right" in areas:
            return self.manager.addDockWidget(ads.BottomDockWidgetArea, dock, areas["right"])
        side = ads.LeftDockWidgetArea if place == "left" else ads.RightDockWidgetArea
        return self.manager.addDockWidget(side, dock)

    def apply_default_sizes(self) -> None:
        """Sides of a fixed width; the rest is the canvas and what lies below it."""
        width, height = max(self._window.width(), 900), max(self._window.height(), 600)
        right = min(RIGHT_PX, round(width * 0.22))
        left = min(LEFT_PX, max(LEAST_LEFT_PX, round(width * 0.33)))
        centre, side = self._area("centre"), self._area("left")
        if centre is not None:
            self._split(centre, height, CANVAS_SHARE)
        if side is not None:
            self._set_sides(side, [left, width - left - right, right])

    def _split(self, upper: ads.CDockAreaWidget, height: int, share: float) -> None:
        self.manager.setSplitterSizes(upper, [round(height * share), round(height * (1 - share))])

    def _set_sides(self, left: ads.CDockAreaWidget, widths: list[int]) -> None:
        sides = _splitter_above(left)
        if sides is not None:  # only the middle grows with the window
            for place in range(sides.count()):
                sides.setStretchFactor(place, 1 if place == 1 else 0)
        self.manager.setSplitterSizes(left, widths)

    def _area(self, place: str) -> ads.CDockAreaWidget | None:
        """Where the first panel of a place lies now; areas come and go with each layout."""
        key = next((panel.key for panel in self.panels if panel.place == place), "")
        return self.docks[key].dockAreaWidget() if key else None

    def show_first_tabs(self) -> None:
        seen: set[str] = set()
        for panel in self.panels:
            if panel.place not in seen:
                seen.add(panel.place)
                self.docks[panel.key].setAsCurrentTab()

    def reset(self) -> None:
        """The layout that a new user sees."""
        self.manager.restoreState(self._default_state)
        self.apply_default_sizes()
        self.show_first_tabs()

    # --- other layouts ---------------------------------------------------------------------------------

    def create(self, key: str, title: str, icon_name: str, widget: QWidget) -> None:
        """A further dock, which lies nowhere until `arrange` or `restore`."""
        self._make_dock(key, title, icon_name, widget)

    def arrange(self, places: dict[str, str]) -> None:
        """Lay docks out anew: key → left, centre, below, right or right_below, as tabs in this order."""
        for dock in self.docks.values():
            if dock.dockManager() is not None:
                self.manager.removeDockWidget(dock)
        areas: dict[str, ads.CDockAreaWidget] = {}
        first: dict[str, ads.CDockWidget] = {}
        for place in PLACES:
            for key, its_place in places.items():
                if its_place == place:
                    areas[place] = self._put(place, self.docks[key], areas)
                    first.setdefault(place, self.docks[key])
        width, height = max(self._window.width(), 900), max(self._window.height(), 600)
        if "below" in areas:
            self._split(areas["centre"], height, CENTRE_SHARE)
        if "right_below" in areas and "right" in areas:
            self._split(areas["right"], height, UPPER_RIGHT_SHARE)
        left, right = min(DEBUG_LEFT_PX, round(width * 0.25)), min(DEBUG_RIGHT_PX, round(width * 0.32))
        self._set_sides(areas["left"], [left, width - left - right, right])
        for dock in first.values():
            dock.setAsCurrentTab()

    def save(self) -> QByteArray:
        return self.manager.saveState()

    def restore(self, layout: QByteArray) -> bool:
        """What `save` gave; docks that are not in it are hidden. False where it can't be used."""
        # what isn't XML would be taken for compressed, and Qt warns about that on the console
        return bool(bytes(layout.data()).startswith(b"<?xml") and self.manager.restoreState(layout))

    def focus_widget(self) -> QWidget | None:
        return self._window.focusWidget()

    # --- going to a panel ------------------------------------------------------------------------------

    def bring_to_front(self, key: str) -> None:
        """Open a panel and show it, the keyboard stays where it is."""
        dock = self.docks[key]
        dock.toggleView(True)
        dock.setAsCurrentTab()
        dock.raise_()

    def go_to(self, key: str) -> None:
        """Open a panel, bring it to the front, and give it the keyboard."""
        self.bring_to_front(key)
        self.give_keyboard(key)

    def give_keyboard(self, key: str) -> None:
        """To the panel's proxy, or to the first in it that takes it."""
        widget = self.docks[key].widget()
        if widget.focusProxy() is not None:
            widget.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        first = widget.nextInFocusChain()
        while first is not None and first is not widget:
            takes_tab = first.focusPolicy() & Qt.FocusPolicy.TabFocus
            if takes_tab and first.isEnabled() and first.isVisible() and widget.isAncestorOf(first):
                first.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return
            first = first.nextInFocusChain()

    def go_to_next(self, by: int) -> None:
        """The keyboard to the next open panel (1), or the one before (-1), as they stand: columns from the
        left, each from its top."""
        open_keys = [key for key, dock in self.docks.items() if dock.widget().isVisible()]
        open_keys.sort(key=lambda key: self.docks[key].widget().mapToGlobal(QPoint(0, 0)).toTuple())
        if not open_keys:
            return
        focus = self._window.focusWidget()
        now = -1 if by > 0 else 0
        for place, key in enumerate(open_keys):
            if focus is not None and self.docks[key].widget().isAncestorOf(focus):
                now = place
        self.go_to(open_keys[(now + by) % len(open_keys)])


def _splitter_above(widget: QWidget | None) -> QSplitter | None:
    while widget is not None and not isinstance(widget, QSplitter):
        widget = widget.parentWidget()
    return widget
