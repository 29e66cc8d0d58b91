"""Talking to the engine: find or start it, ask it, hear from it. Qt-free, but for `qt_bridge`."""
