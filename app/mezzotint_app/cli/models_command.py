"""`mezzotint models`: the models that can be used, and why others can't."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from mezzotint_app.cli import exit_status
from mezzotint_app.cli.engine_access import EngineAccess
from mezzotint_app.cli.tables import format_bytes, print_table
from mezzotint_sdk import messages as m
from mezzotint_sdk.records import ModelRecord

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    with EngineAccess(keep=arguments.keep_engine) as access:
        models: tuple[ModelRecord, ...] = access.call(m.ListModels()).models
    if arguments.json:
        print(json.dumps({"models": [_facts(model) for model in models]}))
        return exit_status.OK
    rows = [
        (
            model.name,
            f"{model.default_width}x{model.default_height}" if model.default_width else "",
            format_bytes(model.nbytes),
            model.pipeline_class,
            model.problem.message if model.problem else model.path,
        )
        for model in models
    ]
    print_table(("MODEL", "SIZE", "FILES", "PIPELINE", "WHERE"), rows)
    return exit_status.OK


def _facts(model: ModelRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": model.name,
        "path": model.path,
        "folder": model.folder,
        "pipeline": model.pipeline_class,
        "bytes": model.nbytes,
        "parameters": model.parameters,
        "dtype": model.dtype,
        "width": model.default_width,
        "height": model.default_height,
        "steps": model.default_steps,
        "guidance": model.default_guidance,
        "scheduler": model.scheduler,
        "schedulers": list(model.schedulers),
        "modes": list(model.modes),
    }
    if model.problem is not None:
        facts |= {"code": model.problem.code, "message": model.problem.message}
    return facts
