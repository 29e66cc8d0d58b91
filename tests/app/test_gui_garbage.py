"""Python's collector runs on the GUI thread alone while the window is there, and as before afterwards."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from mezzotint_app.gui_garbage import GuiGarbage


class Node:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def garbage(qapp: Any) -> Iterator[GuiGarbage]:
    garbage = GuiGarbage()
    garbage.start()
    yield garbage
    garbage.stop()
    assert gc.isenabled()


def test_cycles_go_when_it_is_their_time(garbage: GuiGarbage) -> None:
    assert not gc.isenabled()
    gone = weakref.ref(Node())
    assert gone() is not None, "nobody collects by the way"
    kept = [Node() for _ in range(gc.get_threshold()[0] + 1)]
    garbage.check()
    assert gone() is None
    assert all(node.itself is node for node in kept)


def test_little_garbage_is_left_for_later(garbage: GuiGarbage) -> None:
    gc.collect()
    gone = weakref.ref(Node())
    garbage.check()
    assert gone() is not None
