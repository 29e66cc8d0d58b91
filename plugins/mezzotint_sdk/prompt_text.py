"""Text as people type, paste and pass it: made safe for the wire before it becomes part of a spec."""

from __future__ import annotations

__all__ = ["well_formed"]


def well_formed(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD.

    Such halves come from command lines in another encoding (`surrogateescape`) and from editors that cut an
    emoji in two; UTF-8, and so msgpack, JSON and SQLite, cannot hold them.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
