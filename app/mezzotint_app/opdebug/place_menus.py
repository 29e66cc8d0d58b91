"""What can be done with an op, a module or a source line: the same menus in table, tree and source."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.opdebug.filter_words import line_filter, module_filter, op_filter
from mezzotint_app.opdebug.module_entries import ModuleEntry
from mezzotint_app.opdebug.op_columns import op_text
from mezzotint_app.state.app_state import AppState
from mezzotint_sdk.debug_records import Stop

__all__ = ["line_menu", "module_menu", "op_menu"]


class _Menu(QMenu):
    def put(self, name: str, title: str, does: Callable[[], object], enabled: bool = True) -> QAction:
        action = QAction(icon(name), title, self)
        action.setEnabled(enabled)
        action.triggered.connect(lambda: does())
        self.addAction(action)
        return action


def _stop(state: AppState) -> Stop | None:
    """Where the debugged run stands, if that is what the panels show."""
    return state.debug.stop if not state.trace.is_file and state.debug.is_stopped else None


def op_menu(parent: QWidget, state: AppState, op_number: int) -> QMenu | None:
    """None for an op that is not in the trace."""
    debug, trace = state.debug, state.trace
    site = trace.site_of(op_number)
    if site is None:
        return None
    stop, is_live = _stop(state), not trace.is_file
    here = stop.place.op_number if stop is not None else -1
    menu = _Menu(parent)
    menu.put(
        "document",
        "Show source line",
        lambda: trace.source_wanted.emit(site.file, site.line),
        bool(site.file),
    )
    menu.put("model", "Show module", lambda: trace.module_wanted.emit(site.module), bool(site.module))
    menu.addSeparator()
    menu.put("search", f"Only {op_text(site.op)}", lambda: trace.set_filter(op_filter(site.op)))
    menu.put("search", "Only this module", lambda: trace.set_filter(module_filter(site.module)))
    only = line_filter(site.file, site.line)
    menu.put("search", "Only this source line", lambda: trace.set_filter(only), bool(site.file))
    menu.put("clear", "Show all ops", lambda: trace.set_filter(""), bool(trace.filter_text))
    menu.addSeparator()
    ahead, behind = stop is not None and op_number > here, stop is not None and op_number < here
    menu.put("arrow-right", "Run to this op", lambda: debug.resume("until", op_number=op_number), ahead)
    refused = stop.back_refused if stop is not None else ""
    back = menu.put(
        "undo",
        "Step back to this op",
        lambda: debug.resume("back", op_number=op_number),
        behind and not refused,
    )
    back.setToolTip(refused)
    menu.setToolTipsVisible(bool(refused))
    menu.put(
        "stop",
        "Stop at this op of this module",
        lambda: debug.toggle_breakpoint(op=site.op, module=site.module),
        is_live,
    )
    menu.put(
        "stop",
        "Stop at this source line",
        lambda: debug.toggle_breakpoint(file=site.file, line=site.line),
        is_live and bool(site.file),
    )
    return menu


def module_menu(parent: QWidget, state: AppState, made: ModuleEntry) -> QMenu:
    debug, trace, path = state.debug, state.trace, made.path
    stop, is_live = _stop(state), not trace.is_file
    menu = _Menu(parent)
    seen = made.total.ops > 0
    menu.put("list", "Next op of this module", lambda: trace.want_op_of_module(path, debug.selected_op), seen)
    menu.put("search", "Only the ops of this module", lambda: trace.set_filter(module_filter(path)))
    menu.put("model", "Show in the tree of modules", lambda: trace.module_wanted.emit(path), bool(path))
    show = lambda: trace.source_wanted.emit(made.file, made.line)  # noqa: E731
    menu.put("document", "Show its source", show, bool(made.file))
    menu.addSeparator()
    can_run = stop is not None and bool(path)
    menu.put("arrow-right", "Run to this module", lambda: debug.resume("until", module=path), can_run)
    for title, when in (("Stop at its entry", "before"), ("Stop at its exit", "after")):
        stops = lambda when=when: debug.toggle_breakpoint(module=path, when=when)  # noqa: E731
        menu.put("stop", title, stops, is_live and bool(path))
    if made.is_compiled:
        menu.addSeparator()
        title = "Run as it was compiled" if made.is_eager else "Run eagerly, to see its ops"
        menu.put("bug", title, lambda: debug.run_eagerly(path, not made.is_eager), is_live and debug.armed)
    return menu


def line_menu(parent: QWidget, state: AppState, file: str, line: int) -> QMenu:
    debug, trace = state.debug, state.trace
    seen = any(site.line == line and site.file == file for site in trace.sites)
    marked = any(file.endswith(one.file) and one.line == line for one in debug.breakpoints if one.file)
    menu = _Menu(parent)
    menu.put("document", "Show source line", lambda: trace.source_wanted.emit(file, line))
    following = lambda: trace.want_op_of_line(file, line, debug.selected_op)  # noqa: E731
    menu.put("list", "Next op of this line", following, seen)
    menu.put("search", "Only the ops of this line", lambda: trace.set_filter(line_filter(file, line)), seen)
    menu.addSeparator()
    can_run = _stop(state) is not None
    run_to = lambda: debug.resume("until", file=file, line=line)  # noqa: E731
    menu.put("arrow-right", "Run to this line", run_to, can_run)
    title = "Take the breakpoint away" if marked else "Stop at this line"
    menu.put("stop", title, lambda: debug.toggle_breakpoint(file=file, line=line))
    return menu
