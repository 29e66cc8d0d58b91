"""Notices that can be taken back, also when their bar is long gone."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from mezzotint_app.state.notice_state import NoticeState


def test_undo_takes_back_the_last_thing_once(qapp: QApplication) -> None:
    notices, done, withdrawn = NoticeState(), [], []
    notices.withdrawn.connect(withdrawn.append)
    first = notices.show_undoable("One was deleted.", lambda: done.append("one"))
    notices.show_undoable("Two was deleted.", lambda: done.append("two"))
    notices.undo()
    assert done == ["two"]
    assert first.action is not None
    first.action()
    assert done == ["two", "one"]
    assert not notices.can_undo
    first.action()
    notices.undo()
    assert done == ["two", "one"], "each is taken back once"
    assert first.number in withdrawn
