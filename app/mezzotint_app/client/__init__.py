"""Talking to the engine: start it, connect to it, ask it, hear from it. Only `qt_bridge` knows Qt."""
