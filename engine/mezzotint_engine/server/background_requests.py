"""Requests that read much (searches, plots, logs, models, pictures), each as work for another thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from mezzotint_engine.models.catalog import describe_model, list_models
from mezzotint_engine.server.engine_context import EngineContext
from mezzotint_engine.server.image_import import import_image
from mezzotint_engine.server.run_folder import METRICS, read_log, write_atomically
from mezzotint_engine.server.run_store import abridged
from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadInputError, NotFoundError, StorageError
from mezzotint_sdk.home import Home
from mezzotint_sdk.metric_file import MetricReader

__all__ = ["model_work", "reading_work"]

MAX_PAGE = 5000
MAX_POINTS = 200_000

Work = Callable[[], m.Reply]


def _page_limit(limit: int) -> int:
    return max(0, min(limit, MAX_PAGE))


def reading_work(context: EngineContext, body: object) -> Work | None:
    """None for a request that isn't one of these."""
    match body:
        case m.ListRuns():
            return lambda: _list_runs(context, body)
        case m.GetRun():
            return lambda: _get_run(context, body)
        case m.ListArtifacts():
            return lambda: _list_artifacts(context, body)
        case m.ListSeries():
            return lambda: m.SeriesList(series=tuple(_reader(context, body.run_id).series()))
        case m.ReadSeries():
            return lambda: _read_series(context, body)
        case m.ReadLog():
            return lambda: _read_log(context, body)
        case m.ImportImage():
            return lambda: import_image(body.path, context.home.inputs)
        case _:
            return None


def model_work(context: EngineContext, body: m.ListModels | m.DescribeModel | m.AddModelFolder) -> Work:
    home = context.home
    match body:
        case m.ListModels():
            return lambda: m.ModelList(models=tuple(list_models(model_folders(home))))
        case m.DescribeModel():
            return lambda: m.ModelDescribed(model=describe_model(body.path))
        case m.AddModelFolder():
            return lambda: _add_model_folder(home, body.path)


def _list_runs(context: EngineContext, body: m.ListRuns) -> m.RunPage:
    runs, total = context.runs.page(body.states, body.search, max(0, body.offset), _page_limit(body.limit))
    return m.RunPage(runs=tuple(abridged(context.control.current(run)) for run in runs), total=total)


def _get_run(context: EngineContext, body: m.GetRun) -> m.RunFound:
    run = context.control.current(context.runs.find(body.run_id))
    artifacts = tuple(context.artifacts.of_run(run.run_id))
    return m.RunFound(run=run, artifacts=artifacts, folder=str(context.home.run_folder(run.run_id)))


def _list_artifacts(context: EngineContext, body: m.ListArtifacts) -> m.ArtifactPage:
    run_id = context.runs.find(body.run_id).run_id if body.run_id else ""
    artifacts, total = context.artifacts.page(
        body.search, body.before_id, max(0, body.offset), _page_limit(body.limit), run_id
    )
    return m.ArtifactPage(artifacts=tuple(artifacts), total=total)


def _reader(context: EngineContext, run_id: str) -> MetricReader:
    run = context.runs.find(run_id)
    return MetricReader(context.home.run_folder(run.run_id) / METRICS)


def _read_series(context: EngineContext, body: m.ReadSeries) -> m.SeriesData:
    points = _reader(context, body.run_id).read(
        body.name, body.first_step, body.last_step, min(body.max_points, MAX_POINTS)
    )

    def packed(values: np.ndarray) -> bytes:
        return np.ascontiguousarray(values, dtype="<f8").tobytes()

    return m.SeriesData(
        name=body.name,
        unit=points.unit,
        total=points.total,
        steps=packed(points.steps),
        lows=packed(points.lows),
        highs=packed(points.highs),
        times=packed(points.times),
    )


def _read_log(context: EngineContext, body: m.ReadLog) -> m.LogLines:
    if not body.run_id:
        return m.LogLines(lines=tuple(context.log.lines(_page_limit(body.limit))))
    run = context.runs.find(body.run_id)
    return m.LogLines(lines=tuple(read_log(context.home.run_folder(run.run_id), _page_limit(body.limit))))


# --- model folders ---------------------------------------------------------------------------------------


def _folders_file(home: Home) -> Path:
    return home.root / "model_folders.json"


def model_folders(home: Home) -> list[str]:
    """Folders that the user has added; a damaged list counts as empty."""
    try:
        return msgspec.json.decode(_folders_file(home).read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):
        return []


def _add_model_folder(home: Home, path: str) -> m.ModelList:
    folder = Path(path).expanduser()
    if not folder.is_absolute():
        raise BadInputError(f"A folder of models must be given as an absolute path, not {path!r}.")
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.")
    folders = model_folders(home)
    if str(folder) not in folders:
        folders.append(str(folder))
        try:
            write_atomically(_folders_file(home), msgspec.json.format(msgspec.json.encode(folders)))
        except OSError as error:
            raise StorageError(f"The list of model folders can't be written: {error.strerror}.") from error
    return m.ModelList(models=tuple(list_models(folders)))
