"""A trace is read, followed, filtered and sorted; panels hear of it, and the GUI thread never waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzotint_app.state.app_state import AppState
from mezzotint_app.state.trace_state import AT_ONCE, TraceState
from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import Place, Stop
from tests.app.app_records import run_record
from tests.app.fake_engine_client import FakeEngineClient
from tests.app.opdebug.trace_files import TraceMaker

Opens = Callable[[Path], TraceState]


@pytest.fixture
def opens(qtbot: Any, app_state: AppState) -> Opens:
    """Opens a finished trace and waits until it is shown."""

    def open_file(path: Path) -> TraceState:
        app_state.trace.open_file(str(path))
        qtbot.waitUntil(lambda: app_state.trace.shown_count > 0 and not app_state.trace.is_busy)
        return app_state.trace

    return open_file


def shown(trace: TraceState) -> list[int]:
    return [trace.op_at(row) for row in range(trace.shown_count)]


def arm(client: FakeEngineClient, path: Path, run_id: str = "run") -> None:
    client.emit_event(m.RunChanged(run=run_record(run_id, "running", started=1.0)))
    client.emit_event(m.DebuggerReported(run_id=run_id, report=m.Armed(trace=str(path))))


def stopped(client: FakeEngineClient, number: int) -> None:
    stop = Stop(stop_id=1, reason="step", message="Stopped.", place=Place(op_number=number))
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Stopped(stop=stop)))


def test_a_file_opens_without_an_engine(opens: Opens, tmp_path: Path) -> None:
    maker = TraceMaker(tmp_path / "t.mzt").steps(0, 3)
    trace = opens(maker.done())
    assert trace.shown_count == maker.count
    assert trace.is_file
    assert not trace.is_following
    assert trace.site_of(0) == maker.sites[0]
    assert trace.marks[int(trace.rows["mark"][maker.count - 1])].step == 2
    assert trace.sums.count == maker.count


def test_a_filter_keeps_the_order_and_finds_rows_again(opens: Opens, tmp_path: Path) -> None:
    maker = TraceMaker(tmp_path / "t.mzt").steps(0, 2)
    trace = opens(maker.done())
    trace.set_filter("softmax")
    expected = [n for n in range(maker.count) if "softmax" in maker.sites[n % len(maker.sites)].op]
    assert shown(trace) == expected
    assert trace.row_of(expected[3]) == 3
    assert trace.row_of(0) == -1
    trace.set_filter("")
    assert trace.shown_count == maker.count


def test_a_wrong_filter_says_why_and_changes_nothing(opens: Opens, tmp_path: Path) -> None:
    trace = opens(TraceMaker(tmp_path / "t.mzt").steps(0, 1).done())
    trace.set_filter("softmax")
    before = shown(trace)
    trace.set_filter("softmax && (")
    assert trace.filter_problem.endswith(".")
    assert shown(trace) == before
    trace.set_filter("softmax")
    assert trace.filter_problem == ""


def test_sorted_rows_are_found_again(opens: Opens, tmp_path: Path) -> None:
    trace = opens(TraceMaker(tmp_path / "t.mzt").steps(0, 2).done())
    trace.sort_by("time", True)
    times = [float(trace.rows["duration_us"][number]) for number in shown(trace)]
    assert times == sorted(times, reverse=True)
    assert all(trace.row_of(number) == row for row, number in enumerate(shown(trace)))
    trace.sort_by("number")
    assert shown(trace) == list(range(len(trace.rows)))


def test_a_run_is_followed_while_it_is_armed(
    qtbot: Any, app_state: AppState, client: FakeEngineClient, tmp_path: Path
) -> None:
    trace = app_state.trace
    maker = TraceMaker(tmp_path / "debug" / "trace.mzt").steps(0, 1)
    arm(client, maker.flush())
    qtbot.waitUntil(lambda: trace.shown_count == maker.count)
    assert trace.is_following
    assert not trace.is_file
    grown: list[tuple[int, int]] = []
    trace.shown_grew.connect(lambda first, last: grown.append((first, last)))
    before = maker.count
    maker.steps(1, 1).flush()
    qtbot.waitUntil(lambda: trace.shown_count == maker.count)
    assert grown == [(before, maker.count - 1)], "no reset: what is in view stays where it is"
    client.emit_event(m.DebuggerReported(run_id="run", report=m.Disarmed()))
    assert not trace.is_following
    maker.done()


def test_rows_that_come_pass_the_filter_too(
    qtbot: Any, app_state: AppState, client: FakeEngineClient, tmp_path: Path
) -> None:
    trace = app_state.trace
    maker = TraceMaker(tmp_path / "debug" / "trace.mzt").steps(0, 1)
    arm(client, maker.flush())
    qtbot.waitUntil(lambda: trace.shown_count == maker.count)
    trace.set_filter("softmax")
    found = trace.shown_count
    maker.steps(1, 2).flush()
    qtbot.waitUntil(lambda: trace.shown_count == 3 * found)
    assert shown(trace) == sorted(shown(trace))
    trace.sort_by("time", True)
    maker.steps(3, 1).flush()
    qtbot.waitUntil(lambda: trace.shown_count == 4 * found)
    times = [float(trace.rows["duration_us"][number]) for number in shown(trace)]
    assert times == sorted(times, reverse=True)
    maker.done()
    trace.close()


def test_a_stop_reads_at_once(
    qtbot: Any, app_state: AppState, client: FakeEngineClient, tmp_path: Path
) -> None:
    trace = app_state.trace
    maker = TraceMaker(tmp_path / "debug" / "trace.mzt").steps(0, 1)
    arm(client, maker.flush())
    qtbot.waitUntil(lambda: trace.shown_count == maker.count)
    trace._timer.stop()  # only the stop makes it read
    maker.steps(1, 1).flush()
    stopped(client, maker.count - 1)
    qtbot.waitUntil(lambda: trace.shown_count == maker.count)
    maker.done()
    trace.close()


def test_a_run_that_is_armed_takes_the_place_of_a_file(
    qtbot: Any, opens: Opens, client: FakeEngineClient, tmp_path: Path
) -> None:
    trace = opens(TraceMaker(tmp_path / "file.mzt").steps(0, 3).done())
    maker = TraceMaker(tmp_path / "debug" / "trace.mzt").steps(0, 1)
    arm(client, maker.flush())
    qtbot.waitUntil(lambda: trace.shown_count == maker.count)
    assert not trace.is_file
    maker.done()
    trace.close()


def test_a_trace_that_is_not_written_yet_is_waited_for(
    qtbot: Any, app_state: AppState, client: FakeEngineClient, tmp_path: Path
) -> None:
    path = tmp_path / "debug" / "trace.mzt"
    notices: list[object] = []
    app_state.notices.posted.connect(notices.append)
    arm(client, path)
    qtbot.waitUntil(lambda: not app_state.trace.is_busy)
    maker = TraceMaker(path).steps(0, 1)
    maker.flush()
    qtbot.waitUntil(lambda: app_state.trace.shown_count == maker.count)
    assert notices == []
    maker.done()
    app_state.trace.close()


@pytest.mark.parametrize("content", [b"", b"no trace at all", None])
def test_what_is_no_trace_is_said_in_one_sentence(
    qtbot: Any, app_state: AppState, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "bad.mzt"
    if content is not None:
        path.write_bytes(content)
    with qtbot.waitSignal(app_state.notices.posted) as posted:
        app_state.trace.open_file(str(path))
    sentence = posted.args[0].sentence
    assert "bad.mzt" in sentence
    assert sentence.endswith(".")
    assert app_state.trace.path == ""


def test_a_damaged_end_is_said_and_the_rest_is_shown(qtbot: Any, app_state: AppState, tmp_path: Path) -> None:
    maker = TraceMaker(tmp_path / "t.mzt").steps(0, 3)
    path = maker.done()
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF
    path.write_bytes(content)
    with qtbot.waitSignal(app_state.notices.posted) as posted:
        app_state.trace.open_file(str(path))
    assert "damaged" in posted.args[0].sentence
    assert app_state.trace.path == str(path)
    assert app_state.trace.header is not None


def test_a_large_trace_is_filtered_on_another_thread(qtbot: Any, opens: Opens, tmp_path: Path) -> None:
    maker = TraceMaker(tmp_path / "t.mzt")
    steps = AT_ONCE // len(maker.sites) + 2
    trace = opens(maker.steps(0, steps).done())
    trace.set_filter("softmax")
    assert trace.is_busy, "the GUI thread goes on meanwhile"
    trace.set_filter("silu")  # the first answer comes too late, and is not taken
    qtbot.waitUntil(lambda: not trace.is_busy)
    ops = {trace.sites[int(trace.rows["site"][number])].op for number in shown(trace)}
    assert ops == {"aten.silu.default"}


def test_the_next_op_of_a_module_and_of_a_line(
    qtbot: Any, opens: Opens, app_state: AppState, tmp_path: Path
) -> None:
    maker = TraceMaker(tmp_path / "t.mzt").steps(0, 2)
    trace = opens(maker.done())
    said: list[Any] = []
    app_state.notices.posted.connect(said.append)
    with qtbot.waitSignal(trace.op_wanted) as wanted:
        trace.want_op_of_module("unet.mid_block", -1)
    assert trace.site_of(wanted.args[0]) == maker.sites[16]
    assert wanted.args[0] == 16
    with qtbot.waitSignal(trace.op_wanted) as wanted:
        trace.want_op_of_module("unet.mid_block", 23)
    assert wanted.args[0] == len(maker.sites) + 16, "the next one after the chosen op"
    with qtbot.waitSignal(trace.op_wanted) as wanted:
        trace.want_op_of_line(maker.sites[0].file, 15, maker.count)
    assert wanted.args[0] == 3, "from the start again"
    with qtbot.assertNotEmitted(trace.op_wanted):
        trace.want_op_of_module("vae", 0)
    assert said[-1].sentence == "No op of vae is in the trace."
