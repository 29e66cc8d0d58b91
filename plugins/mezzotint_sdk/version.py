"""The version of the whole distribution: app, engine and SDK are released together."""

from __future__ import annotations

__version__ = "0.1.0"
