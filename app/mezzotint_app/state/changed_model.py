"""What can be done where a job was made with files of its model that have changed since."""

from __future__ import annotations

from collections.abc import Callable

from mezzotint_app.state.notice_state import NoticeState
from mezzotint_sdk.errors import MezzotintError, ModelChangedError

__all__ = ["show_refusal"]


def show_refusal(notices: NoticeState, error: MezzotintError, run_with_present: Callable[[], None]) -> None:
    """Tell why a job was refused; where only its model has changed, offer to run it with what is there."""
    if isinstance(error, ModelChangedError):
        notices.show("warning", error.message, error.detail, "Run with the model as it is", run_with_present)
    else:
        notices.show_error(error)
