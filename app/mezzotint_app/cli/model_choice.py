"""From what stands on the command line to a model: a name, `bundled:NAME`, or a folder."""

from __future__ import annotations

import os

from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import NotFoundError, error_from_info
from mezzotint_sdk.records import ModelRecord

__all__ = ["choose_model"]


def choose_model(access: EngineAccess, wanted: str) -> ModelRecord:
    """The model's record. Raises NotFoundError, or the ModelError that says why it can't be used.

    A known name wins over a folder of that name here; `./NAME` means the folder.
    """
    models: tuple[ModelRecord, ...] = access.call(m.ListModels()).models
    found = [model for model in models if wanted in (model.path, model.name)]
    if found:
        # Where a folder of the user's has a bundled model's name, the name means the bundled one.
        record = min(found, key=lambda model: not model.path.startswith("bundled:"))
    elif os.path.exists(wanted) or os.sep in wanted or wanted.startswith("~"):
        path = os.path.abspath(os.path.expanduser(wanted))
        record = access.call(m.DescribeModel(path=path)).model
    else:
        names = ", ".join(sorted(model.name for model in models)) or "none"
        raise NotFoundError(f"There is no model or folder called {wanted}; known models: {names}.")
    if record.problem is not None:
        raise error_from_info(record.problem)
    return record
