"""The engine as the app sees it: the connection, the server, its workers and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import msgspec
from PySide6.QtCore import QObject, Signal

from mezzotint_app.state.notice_state import Notice, NoticeState
from mezzotint_sdk import messages as m
from mezzotint_sdk.records import DeviceInfo, ServerInfo, WorkerRecord

if TYPE_CHECKING:
    from mezzotint_app.client.qt_bridge import EngineClient

__all__ = ["Connection", "EngineState"]

Connection = Literal["starting", "connected", "lost", "stopped", "failed"]


class EngineState(QObject):
    """Connection, workers, devices and memory. A worker that doesn't answer is said, never killed unasked."""

    changed = Signal()

    def __init__(self, client: EngineClient, notices: NoticeState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._notices = notices
        self._silent: dict[str, Notice] = {}
        self._lost: Notice | None = None
        self._warnings: dict[str, Notice] = {}
        self.connection: Connection = "starting"
        self.sentence = "The engine is starting…"
        self.server: ServerInfo | None = None
        self.workers: dict[str, WorkerRecord] = {}
        self.devices: tuple[DeviceInfo, ...] = ()
        self.preview_hz = 0.0
        client.connectionChanged.connect(self._on_connection)
        client.snapshotArrived.connect(self._on_snapshot)
        client.eventArrived.connect(self._on_event)

    @property
    def is_connected(self) -> bool:
        return self.connection == "connected"

    def worker_of(self, run_id: str) -> WorkerRecord | None:
        """The worker that holds a run; without one the first that is alive."""
        workers = [worker for worker in self.workers.values() if worker.state != "gone"]
        held = [worker for worker in workers if worker.run_id and worker.run_id == run_id]
        found = held or [worker for worker in workers if worker.state != "spare"] or workers
        return found[0] if found else None

    def kill_worker(self, worker_id: str) -> None:
        self._client.call(m.KillWorker(worker_id=worker_id), None, self._notices.show_error)

    def set_preview_rate(self, hz: float) -> None:
        """Ask for previews at most `hz` times a second; 0 turns them off."""
        if self.is_connected and hz != self.preview_hz:
            self.preview_hz = hz
            self._client.call(m.SetPreviewRate(hz=hz), None, self._notices.show_error)

    def stop_engine(self, *, if_unused: bool = False) -> None:
        self._client.call(m.StopEngine(if_unused=if_unused), None, self._notices.show_error)

    def restart(self) -> None:
        """Start an engine again after it was stopped or could not be started."""
        self._client.restart_engine()

    def keep_engine(self, seconds: float) -> None:
        """What the engine does without clients and work: end after `seconds`; negative: go on for good."""
        self._client.call(m.SetLinger(seconds=seconds), None, self._notices.show_error)

    def _on_connection(self, connection: str, sentence: str) -> None:
        was = self.connection
        self.connection = cast(Connection, connection)
        self.sentence = sentence
        if connection == "connected" and self._lost is not None:
            self._notices.withdraw(self._lost)
            self._lost = None
        elif connection in ("lost", "failed") and connection != was:
            if self._lost is not None:
                self._notices.withdraw(self._lost)
            failed = connection == "failed"
            self._lost = self._notices.show(
                "error" if failed else "warning",
                sentence,
                action_title="Start again" if failed else "",
                action=self.restart if failed else None,
            )
        if connection != "connected":
            for notice in self._silent.values():
                self._notices.withdraw(notice)
            self._silent.clear()
            self.workers = {}
        self.changed.emit()

    def _on_snapshot(self, snapshot: m.Snapshot) -> None:
        self.server = snapshot.server
        self.devices = snapshot.devices
        self.preview_hz = snapshot.preview_hz
        self.workers = {worker.worker_id: worker for worker in snapshot.workers}
        self._tell_warnings(snapshot.server)
        for worker in snapshot.workers:
            self._watch(worker)
        self.changed.emit()

    def _on_event(self, event: m.Event) -> None:
        match event:
            case m.WorkerChanged():
                worker = event.worker
                if worker.state == "gone":
                    self.workers.pop(worker.worker_id, None)
                else:
                    self.workers[worker.worker_id] = worker
                self._watch(worker)
            case m.WorkerBeat():
                known = self.workers.get(event.worker_id)
                if known is None:
                    return
                self.workers[event.worker_id] = msgspec.structs.replace(
                    known, memory_bytes=event.memory_bytes, device_bytes=event.device_bytes
                )
            case m.DevicesChanged():
                self.devices = event.devices
            case m.ServerChanged():
                self.server = event.server
                self._tell_warnings(event.server)
            case _:
                return
        self.changed.emit()

    def _tell_warnings(self, server: ServerInfo) -> None:
        """Say what is wrong with the data folder, once, and take it back when it is over."""
        for warning in [text for text in self._warnings if text not in server.warnings]:
            self._notices.withdraw(self._warnings.pop(warning))
        for warning in server.warnings:
            if warning not in self._warnings:
                self._warnings[warning] = self._notices.show("warning", warning)

    def _watch(self, worker: WorkerRecord) -> None:
        """Say when a worker stops answering, offer to kill it, and take that back when it answers again."""
        if worker.state == "not_answering":
            if worker.worker_id not in self._silent:
                self._silent[worker.worker_id] = self._notices.show(
                    "warning",
                    "The worker is not answering. It may be busy loading; killing it ends its run.",
                    f"worker {worker.worker_id}, process {worker.pid} on {worker.device or 'no device yet'}",
                    action_title="Kill worker",
                    action=lambda: self.kill_worker(worker.worker_id),
                )
        elif (notice := self._silent.pop(worker.worker_id, None)) is not None:
            self._notices.withdraw(notice)
