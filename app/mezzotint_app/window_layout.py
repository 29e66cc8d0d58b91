"""Keeps the window's layout from one start to the next; anything wrong with the file means the default."""

from __future__ import annotations

import base64
import binascii
import logging
import os
from pathlib import Path

import msgspec
from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QMainWindow
from PySide6QtAds import ads

__all__ = ["LAYOUT_VERSION", "restore_layout", "save_layout"]

log = logging.getLogger(__name__)

LAYOUT_VERSION = 1  # raised when docks join or leave: an older layout would hide them


class _Layout(msgspec.Struct, frozen=True):
    version: int
    geometry: str
    docks: str


def save_layout(path: Path, window: QMainWindow, docks: ads.CDockManager) -> None:
    """Write geometry and docks. A folder that can't be written is logged, no more: it is only a layout."""
    layout = _Layout(
        LAYOUT_VERSION,
        base64.b64encode(window.saveGeometry().data()).decode(),
        base64.b64encode(docks.saveState(LAYOUT_VERSION).data()).decode(),
    )
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.encode(layout))
        os.replace(part, path)
    except OSError as error:
        log.info("the window's layout could not be saved: %s", error)


def restore_layout(path: Path, window: QMainWindow, docks: ads.CDockManager) -> bool:
    """Bring back what `save_layout` wrote; False where there is nothing that can be used."""
    try:
        layout = msgspec.json.decode(path.read_bytes(), type=_Layout)
        if layout.version != LAYOUT_VERSION:
            return False
        geometry = base64.b64decode(layout.geometry, validate=True)
        state = base64.b64decode(layout.docks, validate=True)
    except FileNotFoundError:
        return False
    except (OSError, msgspec.MsgspecError, binascii.Error, ValueError) as error:
        log.info("the window's layout is damaged, so the default is used: %s", error)
        return False
    # what isn't XML would be taken for compressed, and Qt warns about that on the console
    if not state.startswith(b"<?xml") or not docks.restoreState(QByteArray(state), LAYOUT_VERSION):
        log.info("the docks' layout can't be restored, so the default is used")
        return False
    window.restoreGeometry(QByteArray(geometry))
    return True
