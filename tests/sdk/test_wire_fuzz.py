"""Whatever bytes arrive, a decoder gives a message or BadMessageError; nothing else, and quickly."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint_sdk import messages as m
from mezzotint_sdk.debug_records import (
    Breakpoint,
    DebugPlan,
    Place,
    Stop,
    TensorFacts,
    TensorLook,
    TensorStatistics,
    TensorView,
)
from mezzotint_sdk.errors import BadMessageError, ErrorInfo
from mezzotint_sdk.job_spec import GenerateSpec, ImageValue, ModelRef
from mezzotint_sdk.records import ArrayRef, RunRecord
from mezzotint_sdk.wire_codec import CALLS, FROM_SERVER, FROM_WORKER, TO_WORKER

CODECS = (CALLS, FROM_SERVER, FROM_WORKER, TO_WORKER)
SPEC = GenerateSpec(
    model=ModelRef(path="bundled:emoji-64"), prompt="ü", image=ImageValue("a" * 64), extra={"a": [1, "b"]}
)
BREAK = Breakpoint(breakpoint_id=1, op="aten.mm*", expression="out.max() > 1", log="{out}")
PLAN = DebugPlan(breakpoints=(BREAK,), watches=("out.mean()",))
STOP = Stop(
    stop_id=1,
    reason="breakpoint",
    message="Breakpoint 1.",
    place=Place(op_number=3, op="aten.mm.default", sigma=0.5),
)
PICTURE = ArrayRef("s", 1, 3, "|u1", (1, 1, 3))
WHOLE = (
    CALLS.encode(m.Call(1, m.SubmitJobs(specs=(SPEC,)))),
    CALLS.encode(m.Call(2, m.ReadSeries(run_id="r", name="latency/step"))),
    FROM_SERVER.encode(m.Answer(1, m.Refused(error=ErrorInfo("bad_input", "No.")))),
    FROM_SERVER.encode(
        m.Notice(3, m.RunChanged(run=RunRecord(run_id="r", state="queued", spec=SPEC, created=1.0)))
    ),
    FROM_WORKER.encode(
        m.JobMeasured(run_id="r", name="n", unit="", steps=(1.0,), values=(2.0,), times=(3.0,))
    ),
    FROM_WORKER.encode(m.JobPreviewed(run_id="r", image_index=0, step=1, array=PICTURE, cost_ms=1.0)),
    TO_WORKER.encode(m.StartJob(run_id="r", spec=SPEC, folder="/f", inputs_folder="/i", debug=PLAN)),
    CALLS.encode(m.Call(4, m.SubmitJobs(specs=(SPEC,), debug=PLAN))),
    CALLS.encode(
        m.Call(5, m.AskDebugger(run_id="r", ask=m.LookAtTensor(name="out", view=TensorView(rows=2))))
    ),
    CALLS.encode(m.Call(6, m.AskDebugger(run_id="r", ask=m.Arm(plan=PLAN)))),
    TO_WORKER.encode(m.DebugAsked(call_id=7, run_id="r", ask=m.Resume(verb="over", level="module"))),
    FROM_WORKER.encode(
        m.DebugAnswered(call_id=7, run_id="r", reply=m.Standing(armed=True, stop=STOP, breakpoints=(BREAK,)))
    ),
    FROM_WORKER.encode(m.JobDebugged(run_id="r", report=m.Stopped(stop=STOP, latent=PICTURE))),
    FROM_SERVER.encode(
        m.Answer(
            8,
            m.DebuggerSaid(
                reply=m.TensorShown(
                    look=TensorLook(
                        facts=TensorFacts(name="out", shape=(1,), dtype="float32", device="cpu"),
                        kind="numbers",
                        statistics=TensorStatistics(count=1, mean=1.5),
                        array=PICTURE,
                    )
                )
            ),
        )
    ),
    FROM_SERVER.encode(
        m.Notice(
            9,
            m.DebuggerReported(
                run_id="r",
                report=m.Printed(text="max 2.0"),
            ),
        )
    ),
)


def damaged(data: bytes, edits: list[tuple[int, int]], cut: int) -> bytes:
    changed = bytearray(data)
    for at, value in edits:
        changed[at % len(changed)] = value
    return bytes(changed[: cut % (len(changed) + 1)] if cut else changed)


PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary()
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)
TAGS = st.sampled_from(
    [
        "call",
        "answer",
        "notice",
        "SubmitJobs",
        "StartJob",
        "JobFailed",
        "AskDebugger",
        "DebugAsked",
        "DebugAnswered",
        "JobDebugged",
        "Stopped",
        "generate",
        "x",
    ]
)
ALMOST = st.builds(
    lambda tag, rest: msgspec.msgpack.encode({"type": tag, **rest}),
    TAGS,
    st.dictionaries(
        st.sampled_from(
            [
                "request_id",
                "body",
                "seq",
                "run_id",
                "spec",
                "specs",
                "error",
                "type",
                "ask",
                "reply",
                "report",
                "call_id",
                "debug",
            ]
        ),
        PLAIN,
    ),
)
BYTES = st.one_of(
    st.binary(max_size=200),
    st.builds(
        damaged,
        st.sampled_from(WHOLE),
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
        st.integers(0, 10**6) | st.just(0),
    ),
    PLAIN.map(msgspec.msgpack.encode),
    ALMOST,
)


def decode_with_all(data: bytes) -> None:
    for codec in CODECS:
        try:
            message = codec.decode(data)
        except BadMessageError as error:
            assert str(error)  # noqa: PT017
        else:
            # what was taken can be told on
            codec.encode(message)  # type: ignore[arg-type]


@settings(max_examples=500, deadline=None)
@given(BYTES)
def test_any_bytes_are_a_message_or_our_error(data: bytes) -> None:
    decode_with_all(data)


@pytest.mark.long
@settings(max_examples=100_000, deadline=None)
@given(BYTES)
def test_any_bytes_at_length(data: bytes) -> None:
    decode_with_all(data)


@pytest.mark.parametrize("depth", [100, 10_000, 1_000_000])
@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1k", b"\x81\xa4type"])
def test_deep_nesting_ends_in_our_error(opening: bytes, depth: int) -> None:
    decode_with_all(opening * depth)
    decode_with_all(b"\x82\xaarequest_id\x01\xa4body" + opening * depth)


@pytest.mark.parametrize("claim", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"])
def test_a_claim_of_four_thousand_million_items_reserves_nothing(claim: bytes) -> None:
    decode_with_all(claim)
    decode_with_all(b"\x82\xa4type\xa4call\xa4body" + claim)
