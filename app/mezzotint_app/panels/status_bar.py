"""The line at the bottom: the engine, its device and memory, and the run that goes on."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QStatusBar, QWidget

from mezzotint_app.look.icons import icon
from mezzotint_app.look.theme import SPACING, theme_manager
from mezzotint_app.look.widgets.phase_bar import PhaseBar
from mezzotint_app.look.widgets.text_label import ElidedLabel, text_label
from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.pacer import Pacer
from mezzotint_app.state.progress_text import progress_part, progress_text

__all__ = ["EngineStatusBar", "bytes_text"]

STATUS_HZ = 4
ENGINE_LOOKS = {
    "starting": ("spinner", "muted"),
    "connected": ("success", "success"),
    "lost": ("warning", "warning"),
    "stopped": ("stop", "muted"),
    "failed": ("error", "danger"),
}
ENGINE_TITLES = {
    "starting": "Engine starting…",
    "connected": "Engine ready",
    "lost": "Engine lost, reconnecting…",
    "stopped": "Engine stopped",
    "failed": "Engine failed",
}


def bytes_text(count: int) -> str:
    """ "812 MiB", "3.4 GiB"."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


class EngineStatusBar(QStatusBar):
    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._look: tuple[str, str, str] = ("", "", "")
        self.setSizeGripEnabled(False)
        self.engine_icon = QLabel(self)
        self.engine = text_label("", "", self)
        self.device = text_label("", "", self)
        self.memory = text_label("", "", self)
        self.queue = text_label("", "", self)
        self.run_text = ElidedLabel("", "small", self)
        self.run_text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.run_bar = PhaseBar(self)
        self.run_bar.setFixedWidth(120)
        self.kill = QPushButton("Kill worker", self)
        self.kill.setProperty("role", "link")
        self.kill.setToolTip("End the worker that is not answering; its run ends with it")
        self.kill.clicked.connect(self._on_kill)
        row = QWidget(self)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(SPACING, 0, SPACING, 0)
        layout.setSpacing(SPACING * 2)
        engine_row = QHBoxLayout()
        engine_row.setSpacing(SPACING // 2)
        engine_row.addWidget(self.engine_icon)
        engine_row.addWidget(self.engine)
        layout.addLayout(engine_row)
        for widget in (self.kill, self.device, self.memory, self.queue):
            layout.addWidget(widget)
        layout.addWidget(self.run_text, 1)
        layout.addWidget(self.run_bar)
        self.addWidget(row, 1)
        self._pacer = Pacer(STATUS_HZ, self)
        self._pacer.due.connect(self.refresh)
        for signal in (
            state.engine.changed,
            state.runs.progressChanged,
            state.runs.runAdded,
            state.runs.runChanged,
            state.runs.queueChanged,
            state.runs.reset,
        ):
            signal.connect(self._ask)
        theme_manager().changed.connect(self._on_theme)
        self.refresh()

    def _ask(self, *_arguments: object) -> None:
        self._pacer.request()

    def refresh(self) -> None:
        state, engine = self._state, self._state.engine
        active = state.runs.active()
        run = active[0] if active else None
        worker = engine.worker_of(run.run_id if run is not None else "")
        standing = state.runs.standing(run.run_id) if run is not None else ""
        silent = [w for w in engine.workers.values() if w.state == "not_answering"]
        title = ENGINE_TITLES[engine.connection]
        icon_name, color = ENGINE_LOOKS[engine.connection]
        if silent:
            title, icon_name, color = "Worker not answering", "warning", "warning"
        elif engine.is_connected and worker is not None and worker.state == "starting":
            title, icon_name, color = "Worker starting…", "spinner", "muted"
        elif engine.is_connected and run is not None:
            title = {"paused": "Paused", "stopping": "Stopping…"}.get(run.state, "Engine running")
            if standing:
                title, icon_name, color = "Stopped in the debugger", "hand", "warning"
        if (title, icon_name, color) != self._look:
            self._look = (title, icon_name, color)
            self.engine.setText(title)
            self.engine_icon.setPixmap(icon(icon_name, color).pixmap(16, 16))
        self.engine.setToolTip(engine.sentence)
        self.kill.setVisible(bool(silent))
        device = (run.device if run is not None else "") or (worker.device if worker is not None else "")
        names = {device.name: device.title for device in engine.devices}
        if not device and engine.devices:
            device = engine.devices[0].name
        self.device.setText(names.get(device) or device)
        self.device.setToolTip(device)
        self.memory.setText(self._memory_text())
        self.memory.setToolTip(self._memory_of_each())
        self.memory.setVisible(bool(self.memory.text()))
        waiting = len(state.runs.queue_order)
        paused = "queue paused" if state.runs.queue_paused else ""
        self.queue.setText(", ".join(filter(None, (f"{waiting} queued" if waiting else "", paused))))
        self.queue.setVisible(bool(self.queue.text()))
        progress = state.runs.progress(run.run_id) if run is not None else None
        self.run_bar.setVisible(run is not None)
        if progress is not None:
            self.run_text.setText(standing or progress_text(progress))
            goes_on = run is not None and run.state == "running" and not standing
            color = "accent" if goes_on else "warning"
            self.run_bar.show_progress(progress.phase, progress_part(progress), color)
        else:
            self.run_text.setText(standing)
            self.run_bar.show_progress("", 0.0)

    def _memory_text(self) -> str:
        workers = self._state.engine.workers.values()
        host = sum(worker.memory_bytes for worker in workers)
        device = sum(worker.device_bytes for worker in workers)
        who = f"{len(workers)} workers" if len(workers) > 1 else "Worker"
        parts = [f"{who} {bytes_text(host)}"] if host else []
        if device:
            parts.append(f"device {bytes_text(device)}")
        return ", ".join(parts)

    def _memory_of_each(self) -> str:
        lines = []
        for worker in self._state.engine.workers.values():
            name = f"Worker {worker.worker_id} ({worker.state.replace('_', ' ')})"
            device = f", {bytes_text(worker.device_bytes)} on {worker.device}" if worker.device_bytes else ""
            lines.append(f"{name}: {bytes_text(worker.memory_bytes)}{device}")
        if len(lines) > 1:
            lines.append("The spare one takes over at once if the other dies.")
        return "\n".join(lines)

    def _on_kill(self) -> None:
        for worker in list(self._state.engine.workers.values()):
            if worker.state == "not_answering":
                self._state.engine.kill_worker(worker.worker_id)

    def _on_theme(self, _theme: object) -> None:
        self._look = ("", "", "")
        self.refresh()
