"""The user's settings: typed, in one JSON file of the home, written whole or not at all.

A file that can't be read is moved aside and said so; the app starts with defaults, never with an error.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from mezzotint_app.state.notice_state import NoticeState
from mezzotint_sdk.debug_records import Breakpoint
from mezzotint_sdk.job_spec import GenerateSpec

__all__ = ["SeedMode", "Settings", "SettingsState"]

log = logging.getLogger(__name__)

SeedMode = Literal["fixed", "random", "next"]
WRITE_DELAY_MS = 500  # one write for a burst of changes (typing changes the draft with each key)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is remembered from one start to the next, but for the layout of the window."""

    theme: Literal["system", "light", "dark"] = "system"
    preview_hz: Annotated[float, msgspec.Meta(ge=0, le=60)] = 10.0
    repaint_hz: Annotated[float, msgspec.Meta(ge=1, le=60)] = 20.0  # most repaints of canvas and plots
    smooth_preview: bool = False  # smooth or pixelated scaling
    on_close: Literal["ask", "keep", "stop"] = "ask"  # what happens to active runs when the window closes
    follow_live: bool = True  # panels go to a new run as it starts
    model_folder: str = ""  # where the chooser for model folders opens
    picture_folder: str = ""  # where choosers for pictures open
    seed_mode: SeedMode = "random"
    thumbnail_px: Annotated[int, msgspec.Meta(ge=56, le=240)] = 88  # edge of the gallery's tiles
    gallery_share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.55  # the grid, beside details
    brush_size: Annotated[int, msgspec.Meta(ge=1, le=512)] = 24
    draft: GenerateSpec | None = None  # the form as it was left
    breakpoints: tuple[Breakpoint, ...] = ()
    watches: tuple[str, ...] = ()  # expressions of the op debugger
    # auto: where no breakpoint would stop the run, at its first op
    debug_stop_at: Literal["auto", "first_op", "first_step", "never"] = "auto"
    debug_record: Literal["nothing", "descriptors", "statistics"] = "descriptors"
    debug_on_exception: bool = True


class SettingsState(QObject):
    """The settings, and who hears of changes. `set` keeps, tells, and writes a moment later."""

    changed = Signal(str)  # name of the field

    def __init__(self, path: Path, notices: NoticeState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._notices = notices
        self._write_failed = False
        self.values = self._read()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WRITE_DELAY_MS)
        self._timer.timeout.connect(self._write)

    def set(self, **fields: Any) -> None:
        """Change settings by name. Raises TypeError for a name that there is not."""
        names = [name for name, value in fields.items() if getattr(self.values, name, ...) != value]
        if not names:
            return
        self.values = msgspec.structs.replace(self.values, **fields)
        self._timer.start()
        for name in names:
            self.changed.emit(name)

    def flush(self) -> None:
        """Write now what is not yet written."""
        if self._timer.isActive():
            self._timer.stop()
            self._write()

    def _read(self) -> Settings:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Settings)
        except FileNotFoundError:
            return Settings()
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return self._moved_aside(str(error))
        except OSError as error:
            self._notices.show(
                "warning",
                f"The settings could not be read, so defaults are used: {error.strerror or error}.",
                str(error),
            )
            return Settings()

    def _moved_aside(self, reason: str) -> Settings:
        aside = self._path.with_suffix(".damaged.json")
        sentence = (
            f"The settings file was damaged; defaults are used, and the old file is kept as {aside.name}."
        )
        try:
            os.replace(self._path, aside)
        except OSError:
            sentence = "The settings file is damaged and could not be moved; defaults are used."
        self._notices.show("warning", sentence, f"{self._path}: {reason}")
        return Settings()

    def _write(self) -> None:
        # No fsync: it can take longer than a frame, and a damaged file is caught when it is read.
        part = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.format(msgspec.json.encode(self.values), indent=2))
            os.replace(part, self._path)
        except OSError as error:
            log.info("settings could not be written: %s", error)
            if not self._write_failed:
                self._notices.show(
                    "warning",
                    f"The settings can't be saved ({error.strerror or error}); changes are lost at exit.",
                    f"{self._path}: {error}",
                )
            self._write_failed = True
        else:
            self._write_failed = False
