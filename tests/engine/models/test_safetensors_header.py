from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint_engine.models.safetensors_header import read_header
from mezzotint_sdk.errors import ModelDamagedError, ModelError


def packed(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {"b": entry(8, 16, [2, 1]), "a": entry(0, 8, [2]), "e": entry(16, 16, [0, 3])}
    path.write_bytes(packed({"__metadata__": {"format": "pt"}, **tensors}, bytes(16)))
    header = read_header(path)
    assert header.parameters == 4
    assert header.metadata == {"format": "pt"}
    assert header.tensors["b"].shape == (2, 1)


DAMAGE = {
    "empty": b"",
    "short length": b"1234",
    "length of 2^60": struct.pack("<Q", 2**60) + b"{}",
    "ends in the header": struct.pack("<Q", 100) + b"{}",
    "not JSON": packed(b"\xff\xfe not json"),
    "a list": packed([]),
    "deep": packed(b"[" * 1_000_000),
    "no offsets": packed({"a": {"dtype": "F32", "shape": [1]}}, bytes(4)),
    "text as shape": packed({"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]}}, bytes(4)),
    "unknown dtype": packed({"a": entry(0, 4, [1], "F99")}, bytes(4)),
    "negative shape": packed({"a": entry(0, 4, [-1])}, bytes(4)),
    "shape and data differ": packed({"a": entry(0, 4, [2])}, bytes(4)),
    "overlap": packed({"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, bytes(12)),
    "gap": packed({"a": entry(0, 4, [1]), "b": entry(8, 12, [1])}, bytes(12)),
    "truncated": packed({"a": entry(0, 8, [2])}, bytes(7)),
    "too long": packed({"a": entry(0, 8, [2])}, bytes(9)),
    "huge shape": packed({"a": entry(0, 4, [2**62, 2**62])}, bytes(4)),
    "backwards": packed({"a": entry(4, 0, [1])}, bytes(4)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_said_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(DAMAGE[name])
    with pytest.raises(ModelDamagedError, match="is damaged"):
        read_header(path)


def test_a_file_that_is_not_there_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read_header(tmp_path / "nothing")


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=100),
        st.binary(max_size=60).map(packed),
        st.dictionaries(
            st.text(max_size=5),
            st.fixed_dictionaries(
                {
                    "dtype": st.sampled_from(["F32", "F16", "F4", "X"]),
                    "shape": st.lists(st.integers(-2, 9), max_size=3),
                    "data_offsets": st.lists(st.integers(-2, 99), min_size=2, max_size=2),
                }
            ),
            max_size=4,
        ).map(lambda tensors: packed(tensors, bytes(64))),
    )
)
def test_any_bytes_are_a_header_or_our_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(data)
    try:
        read_header(path)
    except ModelDamagedError:
        pass
