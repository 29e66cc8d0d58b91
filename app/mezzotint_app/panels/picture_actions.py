"""What can be done with pictures of the gallery, for its panel, its menu, its windows and the commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.background_task import BackgroundTask
from mezzotint_sdk.errors import BadMetadataError, MezzotintError
from mezzotint_sdk.job_spec import GenerateSpec, picture_spec
from mezzotint_sdk.png_metadata import read_settings
from mezzotint_sdk.records import ArtifactRecord

__all__ = ["copy_prompt", "copy_seed", "find_spec", "open_picture_folder", "use_settings"]


def find_spec(
    state: AppState,
    record: ArtifactRecord,
    found: Callable[[GenerateSpec], None],
    failed: Callable[[MezzotintError], None],
) -> None:
    """The spec that draws this very picture: from its run, or, if the run is gone, from the file itself."""

    def from_file(_error: MezzotintError) -> None:
        def read() -> GenerateSpec:
            spec = read_settings(record.path).spec
            if spec is None:
                raise BadMetadataError("The run of this picture is gone, and its file carries no settings.")
            return spec

        def told(error: Exception) -> None:
            failed(error if isinstance(error, MezzotintError) else BadMetadataError(str(error)))

        BackgroundTask(read, found, told, owner=state.gallery)

    state.gallery.find_run(record.run_id, lambda run: found(picture_spec(run.spec, record.index)), from_file)


def use_settings(state: AppState, record: ArtifactRecord) -> None:
    """Put all settings of a picture into the form."""

    def found(spec: GenerateSpec) -> None:
        note = state.generate.apply_spec(spec)
        sentence = f"The form has the settings of this picture now. {note}".strip()
        state.notices.show("warning" if note else "info", sentence)

    find_spec(state, record, found, state.notices.show_error)


def copy_prompt(state: AppState, record: ArtifactRecord) -> None:
    """The whole prompt, not only the part that lists show."""
    find_spec(
        state,
        record,
        lambda spec: QGuiApplication.clipboard().setText(spec.prompt),
        lambda _error: QGuiApplication.clipboard().setText(record.prompt),
    )


def copy_seed(record: ArtifactRecord) -> None:
    QGuiApplication.clipboard().setText(str(record.seed))


def open_picture_folder(state: AppState, record: ArtifactRecord) -> None:
    """Show the picture's folder in the system's file manager."""
    folder = Path(record.path).parent
    if not folder.is_dir():
        state.notices.show("warning", f"The folder {folder} is missing: it was moved or deleted.")
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
        state.notices.show("warning", f"No file manager could be opened. The folder is {folder}.")
