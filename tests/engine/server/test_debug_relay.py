"""The op debugger's questions, answers and reports on their way through the real server."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from mezzotint_engine.server.database import Database
from mezzotint_engine.server.run_store import RunStore
from mezzotint_sdk import messages as m
from mezzotint_sdk.array_slots import SlotReader
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan, Stop
from mezzotint_sdk.errors import (
    BadInputError,
    EngineError,
    InternalError,
    NotFoundError,
    StorageError,
    error_from_info,
)
from mezzotint_sdk.home import Home
from mezzotint_sdk.records import RunRecord
from tests.engine.server.engine_harness import Engine, WireClient, running_engine, spec, wait_for

pytestmark = pytest.mark.slow

PLAN = DebugPlan(breakpoints=(Breakpoint(breakpoint_id=1, step=3),))


def submit(client: WireClient, plan: DebugPlan | None = PLAN, prompt: str = "normal", steps: int = 4) -> str:
    (run_id,) = client.get(m.SubmitJobs(specs=(spec(prompt, steps=steps),), debug=plan)).run_ids
    return str(run_id)


def reports(client: WireClient, run_id: str) -> list[m.DebugReport]:
    return [e.report for e in client.events(m.DebuggerReported) if e.run_id == run_id]


def until_stopped(client: WireClient, run_id: str, stop_id: int) -> m.Stopped:
    def wanted(notice: m.Notice) -> m.Stopped | None:
        match notice.body:
            case m.DebuggerReported(report=m.Stopped() as stopped) if (
                notice.run_id == run_id and stopped.stop.stop_id == stop_id
            ):
                return stopped
        return None

    return client.until(wanted, f"stop {stop_id}")


def say(client: WireClient, run_id: str, line: str) -> m.ConsoleSaid:
    said = client.get(m.AskDebugger(run_id=run_id, ask=m.SayToConsole(line=line)))
    assert isinstance(said, m.DebuggerSaid)
    assert isinstance(said.reply, m.ConsoleSaid)
    return said.reply


def find(client: WireClient, run_id: str) -> RunRecord:
    run: RunRecord = client.get(m.GetRun(run_id=run_id)).run
    return run


def slot_states(engine: Engine) -> int:
    return len(list(engine.home.slots.iterdir()))


def test_a_run_is_submitted_stopped_asked_and_goes_on(client: WireClient) -> None:
    run_id = submit(client)
    stopped = until_stopped(client, run_id, 1)
    assert (stopped.stop.place.step, stopped.latent) == (1, None)
    assert say(client, run_id, "p here").text == "here at step 1"
    short = run_id[-6:]  # a part of the id is enough, as everywhere
    standing = client.get(m.AskDebugger(run_id=short, ask=m.GetStop())).reply
    assert isinstance(standing.stop, Stop)
    assert standing.breakpoints == PLAN.breakpoints
    assert say(client, run_id, "c").resumed
    assert until_stopped(client, run_id, 2).stop.reason == "breakpoint"
    say(client, run_id, "c")
    run = client.until_final(run_id)
    assert (run.state, run.debugged, run.touched) == ("finished", True, False)
    kinds = [type(report).__name__ for report in reports(client, run_id)]
    assert kinds == ["Armed", "Stopped", "WentOn", "Stopped", "WentOn"]
    durable = [notice.seq for notice in client.notices if notice.seq]
    assert durable == list(range(durable[0], durable[0] + len(durable)))


def test_a_run_that_goes_on_is_armed_and_left_again(client: WireClient) -> None:
    run_id = submit(client, None, "normal 0.02", steps=200)
    client.until_state(run_id, "running")
    assert not find(client, run_id).debugged
    with pytest.raises(BadInputError, match="goes on"):
        say(client, run_id, "p x")
    client.get(m.AskDebugger(run_id=run_id, ask=m.Arm(plan=DebugPlan())))
    until_stopped(client, run_id, 1)
    assert find(client, run_id).debugged
    client.get(m.AskDebugger(run_id=run_id, ask=m.Disarm()))
    client.get(m.CancelRun(run_id=run_id))
    assert client.until_final(run_id).state == "cancelled"


def test_a_refusal_of_the_worker_comes_back_as_its_error(client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    with pytest.raises(BadInputError, match="doesn't know 'jump'"):
        say(client, run_id, "jump")
    client.get(m.CancelRun(run_id=run_id))


def test_only_a_run_that_goes_on_can_be_asked(client: WireClient) -> None:
    first = submit(client)
    waiting = submit(client, None)
    until_stopped(client, first, 1)
    with pytest.raises(BadInputError, match=f"Run {waiting} is queued; only one that is going on"):
        client.get(m.AskDebugger(run_id=waiting, ask=m.GetStop()))
    with pytest.raises(NotFoundError, match="There is no run"):
        client.get(m.AskDebugger(run_id="no-such-run", ask=m.GetStop()))
    client.get(m.CancelAll())
    client.until_final(first)
    with pytest.raises(BadInputError, match=f"Run {first} is cancelled; only one that is going on"):
        client.get(m.AskDebugger(run_id=first, ask=m.GetStop()))


@pytest.mark.parametrize(("line", "state"), [("touch", "finished"), ("p x", "finished"), ("touch", "killed")])
def test_an_edit_is_kept_in_the_runs_record(
    engine: Engine, client: WireClient, line: str, state: str
) -> None:
    run_id = submit(client, DebugPlan())
    until_stopped(client, run_id, 1)
    say(client, run_id, line)
    say(client, run_id, "n")
    until_stopped(client, run_id, 2)
    if state == "killed":
        engine.kill()
        with running_engine(engine.home.root) as second:
            assert find(second.client(), run_id).touched
            assert find(second.client(), run_id).state == "interrupted"
        return
    say(client, run_id, "c")
    assert client.until_final(run_id).touched == (line == "touch")
    assert find(client, run_id).touched == (line == "touch")


@pytest.mark.parametrize("ask", [m.EditTensor(name="out", kind="fill", value="0"), m.SkipOp(kind="zeros")])
def test_an_edit_counts_at_once(client: WireClient, ask: m.DebugAsk) -> None:
    run_id = submit(client, DebugPlan())
    until_stopped(client, run_id, 1)
    client.get(m.AskDebugger(run_id=run_id, ask=ask))
    assert find(client, run_id).touched
    client.get(m.CancelRun(run_id=run_id))


def test_edits_that_are_refused_or_taken_back_do_not_count(client: WireClient) -> None:
    run_id = submit(client, None, "normal 0.02", steps=200)
    client.until_state(run_id, "running")
    fill = m.EditTensor(name="out", kind="fill", value="0")
    assert isinstance(client.ask(m.AskDebugger(run_id=run_id, ask=fill)), m.Refused)
    client.get(m.AskDebugger(run_id=run_id, ask=m.Arm(plan=DebugPlan())))
    until_stopped(client, run_id, 1)
    assert not find(client, run_id).touched
    client.get(m.CancelRun(run_id=run_id))


# --- ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("crash", "its worker has ended"), ("stuck", "it is cancelled")],
)
def test_open_questions_end_with_the_run_or_its_worker(client: WireClient, line: str, sentence: str) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    stuck = client.send(m.AskDebugger(run_id=run_id, ask=m.SayToConsole(line="stuck")))
    number = stuck
    if line == "crash":
        number = client.send(m.AskDebugger(run_id=run_id, ask=m.SayToConsole(line="crash")))
    else:
        client.send(m.CancelRun(run_id=run_id))
    answers = {}
    while number not in answers or stuck not in answers:
        message = client.receive()
        assert message is not None
        if isinstance(message, m.Answer):
            answers[message.request_id] = message.body
    for call in {number, stuck}:
        refused = answers[call]
        assert isinstance(refused, m.Refused)
        assert refused.error.message.endswith(f": {sentence}.")
    assert client.until_final(run_id).state == ("failed" if line == "crash" else "cancelled")


def test_cancel_ends_a_run_that_stands_at_a_stop(client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    client.get(m.CancelRun(run_id=run_id))
    run = client.until_final(run_id)
    assert (run.state, run.error) == ("cancelled", None)


def test_quitting_in_the_console_cancels(client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    say(client, run_id, "q")
    run = client.until_final(run_id)
    assert (run.state, run.error) == ("cancelled", None)


def test_a_worker_that_does_not_answer_is_not_asked(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home, MEZZOTINT_BEAT_TIMEOUT="0.5") as engine:
        client = engine.client()
        run_id = submit(client, None, "hang")
        client.until(
            lambda n: isinstance(n.body, m.WorkerChanged) and n.body.worker.state == "not_answering",
            "silence",
        )
        with pytest.raises(EngineError, match="not answering; wait until it does, or cancel"):
            client.get(m.AskDebugger(run_id=run_id, ask=m.GetStop()))
        client.get(m.CancelRun(run_id=run_id, force=True))
        client.until_final(run_id)


def test_questions_of_a_client_that_has_gone_hurt_nobody(engine: Engine, client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    other = engine.client()
    other.send(m.AskDebugger(run_id=run_id, ask=m.LookAtTensor(name="out")))
    other.send(m.AskDebugger(run_id=run_id, ask=m.SayToConsole(line="stuck")))
    other.send(m.Goodbye())
    assert say(client, run_id, "p x").text == "x at step 1"
    for _ in range(10):  # the slot of the look that nobody reads is used again
        look = client.get(m.AskDebugger(run_id=run_id, ask=m.LookAtTensor(name="out"))).reply.look
        client.get(m.ReleaseSlots(refs=(look.array,)))
    assert slot_states(engine) <= 2
    client.get(m.CancelRun(run_id=run_id))
    assert client.until_final(run_id).state == "cancelled"


def test_too_many_open_questions_are_refused(client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    numbers = [
        client.send(m.AskDebugger(run_id=run_id, ask=m.SayToConsole(line="stuck"))) for _ in range(257)
    ]
    refused = client.answer_to(numbers[-1])
    assert "256 questions" in refused.error.message
    client.get(m.CancelRun(run_id=run_id))
    assert client.until_final(run_id).state == "cancelled"


# --- arrays ----------------------------------------------------------------------------------------------


def test_arrays_in_answers_are_leased_until_released(engine: Engine, client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    assert client.welcome is not None
    reader = SlotReader(Path(client.welcome.slots_folder))
    look = client.get(m.AskDebugger(run_id=run_id, ask=m.LookAtTensor(name="out"))).reply.look
    assert look.array is not None
    held = look.array
    for _ in range(20):  # never the slot that is still being read
        other = client.get(m.AskDebugger(run_id=run_id, ask=m.LookAtTensor(name="out"))).reply.look.array
        assert other.slot != held.slot
        client.get(m.ReleaseSlots(refs=(other,)))
    assert reader.copy(held).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    client.get(m.ReleaseSlots(refs=(held,)))
    assert slot_states(engine) == 2
    reader.close()
    client.get(m.CancelRun(run_id=run_id))


def test_who_releases_nothing_is_refused_more(client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    ask = m.AskDebugger(run_id=run_id, ask=m.LookAtTensor(name="out"))
    arrays = [client.get(ask).reply.look.array for _ in range(64)]
    with pytest.raises(BadInputError, match="release some"):
        client.get(ask)
    client.get(m.ReleaseSlots(refs=(arrays[0],)))
    assert client.get(ask).reply.look.array is not None
    client.get(m.CancelRun(run_id=run_id))


def test_an_array_that_is_not_the_workers_own_is_refused(client: WireClient) -> None:
    run_id = submit(client)
    until_stopped(client, run_id, 1)
    with pytest.raises(InternalError, match="not its own"):
        client.get(m.AskDebugger(run_id=run_id, ask=m.SayToConsole(line="foreign")))
    client.get(m.CancelRun(run_id=run_id))


def test_the_latents_picture_goes_to_those_who_want_previews(engine: Engine) -> None:
    window, terminal = engine.client(previews=True), engine.client()
    run_id = submit(window)
    shown = until_stopped(window, run_id, 1).latent
    assert shown is not None
    assert until_stopped(terminal, run_id, 1).latent is None
    assert window.welcome is not None
    reader = SlotReader(Path(window.welcome.slots_folder))
    assert reader.copy(shown).shape == (4, 4, 3)
    assert int(reader.copy(shown).max()) == 1
    say(terminal, run_id, "c")
    second = until_stopped(window, run_id, 2).latent
    assert second is not None
    assert second.slot != shown.slot
    window.get(m.ReleaseSlots(refs=(shown, second)))
    reader.close()
    window.get(m.CancelRun(run_id=run_id))
    assert window.until_final(run_id).state == "cancelled"


# --- what is stored --------------------------------------------------------------------------------------


def test_a_queued_run_keeps_its_plan_over_a_restart_and_retry_is_plain(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        client = engine.client()
        client.get(m.PauseQueue())
        run_id = submit(client)
        assert find(client, run_id).debugged
        engine.kill()
    with running_engine(mezzotint_home) as engine:
        client = engine.client()
        client.get(m.ResumeQueue())
        until_stopped(client, run_id, 1)
        say(client, run_id, "c")
        assert until_stopped(client, run_id, 2).stop.place.step == 3
        say(client, run_id, "c")
        assert client.until_final(run_id).debugged
        (again,) = client.get(m.RetryRun(run_id=run_id)).run_ids
        run = client.until_final(again)
        assert (run.state, run.debugged, reports(client, again)) == ("finished", False, [])


def test_a_database_of_before_the_debugger_is_brought_up_to_date(tmp_path: Path) -> None:
    from mezzotint_engine.server import store_schema

    home = Home(tmp_path)
    old = sqlite3.connect(home.database)
    old.executescript(store_schema.MIGRATIONS[0] + "PRAGMA user_version = 1;")
    values = ("20260101-000000-abcdef", 1, "finished", msgspec.json.encode(spec()).decode(), "", 1.0)
    old.execute(
        "INSERT INTO runs (run_id, number, state, spec, search_text, created) VALUES (?,?,?,?,?,?)", values
    )
    old.commit()
    old.close()
    database = Database(home.database)
    runs = RunStore(database)
    run = runs.find("abcdef")
    assert (run.debugged, run.touched, runs.debug_plan(run.run_id)) == (False, False, None)
    added = runs.add([(spec(), "")], PLAN)[0]
    assert runs.debug_plan(added.run_id) == PLAN
    with database.transaction() as connection:
        connection.execute(
            "UPDATE runs SET debug = '{\"trace_bytes\": -1}' WHERE run_id = ?", (added.run_id,)
        )
    with pytest.raises(StorageError, match="submit it again"):
        runs.debug_plan(added.run_id)
    database.close()


def test_a_plan_that_can_not_be_read_fails_its_run_alone(mezzotint_home: Path) -> None:
    with running_engine(mezzotint_home) as engine:
        client = engine.client()
        client.get(m.PauseQueue())
        damaged, whole = submit(client), submit(client, None)
        with sqlite3.connect(engine.home.database, timeout=20) as connection:
            connection.execute("UPDATE runs SET debug = 'x' WHERE run_id = ?", (damaged,))
        connection.close()
        client.get(m.ResumeQueue())
        run = client.until_final(damaged)
        assert run.state == "failed"
        assert run.error is not None
        assert "submit it again" in run.error.message
        assert isinstance(error_from_info(run.error), StorageError)
        assert client.until_final(whole).state == "finished"


def test_a_failure_of_the_capture_is_in_the_runs_log(client: WireClient) -> None:
    run_id = submit(client, DebugPlan(), "normal")
    until_stopped(client, run_id, 1)
    say(client, run_id, "fail")
    say(client, run_id, "c")
    client.until_final(run_id)
    lines = wait_for(
        lambda: [x for x in client.get(m.ReadLog(run_id=run_id)).lines if x.topic == "debugger"], "the line"
    )
    assert [line.message for line in lines] == ["The capture failed."]
