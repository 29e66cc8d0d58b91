from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzotint_sdk import messages as m
from mezzotint_sdk.errors import BadMessageError
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.wire_codec import CALLS, FROM_SERVER, FROM_WORKER, MAX_MESSAGE_BYTES, TO_WORKER, WireCodec


def test_a_call_comes_out_as_it_went_in() -> None:
    call = m.Call(
        7, m.SubmitJobs(specs=(GenerateSpec(model=ModelRef(path="bundled:emoji-64"), prompt="猫 🐈"),))
    )
    assert CALLS.decode(CALLS.encode(call)) == call


@pytest.mark.parametrize("union", [m.Request, m.Reply, m.Event, m.FromWorker, m.ToWorker])
def test_each_message_of_a_union_has_its_own_tag_and_is_frozen(union: Any) -> None:
    kinds = get_args(union)
    tags = [kind.__struct_config__.tag for kind in kinds]
    assert tags == [kind.__name__ for kind in kinds]
    assert all(kind.__struct_config__.frozen for kind in kinds)


def test_a_message_of_another_direction_is_refused() -> None:
    with pytest.raises(BadMessageError):
        CALLS.decode(TO_WORKER.encode(m.BeatSeen()))


def test_a_wrong_field_is_named() -> None:
    data = msgspec.msgpack.encode(
        {"type": "call", "request_id": 1, "body": {"type": "CancelRun", "run_id": 5}}
    )
    with pytest.raises(BadMessageError, match="run_id"):
        CALLS.decode(data)


def test_what_is_too_large_is_refused_on_both_sides() -> None:
    with pytest.raises(BadMessageError, match="over the limit"):
        CALLS.decode(memoryview(bytearray(MAX_MESSAGE_BYTES + 1)))
    line = m.JobProgressed(
        run_id="x" * (MAX_MESSAGE_BYTES + 1), phase="", step=0, steps=0, image_index=0, image_count=0
    )
    with pytest.raises(BadMessageError, match="over the limit"):
        FROM_WORKER.encode(line)


def test_a_lone_surrogate_is_refused_when_sent() -> None:
    with pytest.raises(BadMessageError):
        CALLS.encode(m.Call(1, m.GetRun(run_id="\ud800")))


@given(st.binary(max_size=400), st.sampled_from([CALLS, FROM_SERVER, FROM_WORKER, TO_WORKER]))
def test_any_bytes_give_a_message_or_our_error(data: bytes, codec: WireCodec[Any]) -> None:
    try:
        codec.decode(data)
    except BadMessageError:
        pass


def test_deep_nesting_is_our_error() -> None:
    with pytest.raises(BadMessageError):
        CALLS.decode(b"\x91" * 100_000 + b"\xc0")
