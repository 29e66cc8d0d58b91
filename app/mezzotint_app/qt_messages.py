"""Qt's own messages go to the log, where the log panel shows them; what is harmless goes nowhere."""

from __future__ import annotations

import logging

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

__all__ = ["install_qt_messages", "remove_qt_messages"]

log = logging.getLogger(__name__)

# The offscreen platform has no window manager to ask for these.
HARMLESS = ("This plugin does not support",)

LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def install_qt_messages() -> None:
    qInstallMessageHandler(_on_message)


def remove_qt_messages() -> None:
    """Back to Qt's own handler, which writes to standard error."""
    qInstallMessageHandler(None)


def _on_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    if not message.startswith(HARMLESS):
        log.log(LEVELS.get(kind, logging.WARNING), "Qt: %s", message)
