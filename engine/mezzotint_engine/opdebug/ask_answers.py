"""Answers to what clients ask of the debugger, at a stop (on the thread that stands) or while the run goes
on."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from mezzotint_engine.opdebug.module_facts import module_nodes
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.errors import BadInputError, ErrorInfo, InternalError, MezzotintError, NotFoundError

if TYPE_CHECKING:
    from mezzotint_engine.opdebug.debug_session import DebugSession
    from mezzotint_engine.opdebug.standing import Standstill

__all__ = ["answer"]

MAX_SOURCE_BYTES = 4 * 1024 * 1024

_log = logging.getLogger(__name__)


def answer(
    session: DebugSession, still: Standstill | None, ask: dm.DebugAsk
) -> tuple[dm.DebugReply | None, ErrorInfo | None]:
    """A reply or an error, never an exception. `still` is None while the run goes on."""
    try:
        return _answer(session, still, ask), None
    except MezzotintError as error:
        return None, error.info()
    except Exception as error:
        _log.warning("The op debugger failed to answer %s.", type(ask).__name__, exc_info=error)
        sentence = f"The debugger failed at that ({type(error).__name__}: {error}); the run is not affected."
        return None, InternalError(sentence, traceback.format_exc()).info()


def _answer(session: DebugSession, still: Standstill | None, ask: dm.DebugAsk) -> dm.DebugReply:
    match ask:
        case dm.Arm():
            session.want(ask.plan)
            return dm.Obeyed()
        case dm.Disarm():
            session.leave()
            session.gate.open()
            return dm.Obeyed()
        case dm.SetBreakpoints():
            known = session.book.set(ask.breakpoints)
            session.changed()
            return dm.BreakpointsSet(breakpoints=known)
        case dm.SetWatches():
            session.watches.set(ask.expressions)
            session.changed()
            return dm.Obeyed()
        case dm.GetStop():
            stop = still.refresh() if still is not None else None
            trace = str(session.trace) if session.trace.exists() else ""
            return dm.Standing(armed=session.armed, stop=stop, breakpoints=session.book.list(), trace=trace)
        case dm.ListModules():
            return dm.Modules(modules=module_nodes(session.modules, session.regions.eager))
        case dm.RunEagerly():
            session.run_eagerly(ask.module, ask.eager)
            return dm.Obeyed()
        case dm.ReadSource():
            return dm.Source(file=ask.file, text=_source(ask.file))
        case _:
            if still is None:
                raise BadInputError("The run goes on; stop it first (Break), then ask again.")
            return still.answer(ask)


def _source(file: str) -> str:
    """Python source alone: what the frames of a run lie in. Raises BadInputError, NotFoundError."""
    path = Path(file)
    if path.suffix not in (".py", ".pyi"):
        raise BadInputError(f"{file} is no Python source.")
    try:
        if path.stat().st_size > MAX_SOURCE_BYTES:
            raise BadInputError(f"{file} is larger than {MAX_SOURCE_BYTES // 2**20} MB and not shown.")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NotFoundError(f"{file} can't be read: {error.strerror or error}.") from None
