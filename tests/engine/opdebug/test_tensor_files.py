"""Saving and loading tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from mezzotint_engine.opdebug import tensor_files
from mezzotint_engine.opdebug.tensor_files import load_tensor, save_tensor
from mezzotint_sdk.errors import BadInputError, NotFoundError, StorageError


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64],
    ids=str,
)
@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_what_was_saved_is_loaded_again(tmp_path: Path, dtype: torch.dtype, suffix: str) -> None:
    tensor = (torch.randn(3, 4, 5) * 3).to(dtype).permute(2, 0, 1)
    for one in (tensor, tensor[0, 0, 0], tensor[:0]):
        saved = save_tensor(one, str(tmp_path / f"x{suffix}"), "outs[1]")
        assert saved.nbytes == saved.file.stat().st_size
        assert saved.note == ""
        again = load_tensor(str(saved.file))
        assert again.dtype == dtype
        assert torch.equal(again, one)
    assert [file.name for file in tmp_path.iterdir()] == [f"x{suffix}"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2], ids=str)
def test_what_npy_has_not_becomes_float32_and_is_said(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.randn(7, 3).to(dtype)
    saved = save_tensor(tensor, str(tmp_path / "x.npy"))
    assert "saved as float32" in saved.note
    assert torch.equal(load_tensor(str(saved.file)), tensor.float())
    kept = save_tensor(tensor, str(tmp_path / "x.safetensors"))
    assert load_tensor(str(kept.file)).dtype == dtype


def test_big_tensors_are_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_files, "_ROWS_AT_ONCE_BYTES", 100)
    tensor = torch.randn(4, 9, 6).permute(1, 0, 2)
    save_tensor(tensor, str(tmp_path / "x.npy"))
    assert np.array_equal(np.load(tmp_path / "x.npy"), tensor.numpy())


def test_pictures(tmp_path: Path) -> None:
    tensor = torch.rand(1, 3, 20, 30)
    save_tensor(tensor, str(tmp_path / "x.png"))
    with Image.open(tmp_path / "x.png") as opened:
        assert opened.size == (30, 20)
    assert torch.allclose(load_tensor(str(tmp_path / "x.png")), tensor[0], atol=0.5 / 255 + 1e-6)


def test_one_tensor_of_several_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2), "b.weight": torch.zeros(3)}, file)
    assert load_tensor(f"{file}#b.weight").shape == (3,)
    assert load_tensor(str(file), "a").shape == (2,)
    with pytest.raises(BadInputError, match=r"holds a, b\.weight; say which"):
        load_tensor(str(file), "out")
    with pytest.raises(BadInputError, match="say which"):
        load_tensor(f"{file}#c")


@pytest.mark.parametrize(
    ("file", "error", "says"),
    [
        ("x.npy", BadInputError, "whole path"),
        ("/tmp/x.pt", BadInputError, "ends in .npy, .safetensors or .png"),
        ("", BadInputError, "ends in"),
        ("/nowhere/at/all/x.npy", NotFoundError, "There is no"),
    ],
)
def test_bad_paths_get_a_sentence(file: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        save_tensor(torch.ones(2), file)
    with pytest.raises(error, match=says):
        load_tensor(file)


@pytest.mark.parametrize("name", ["x.npy", "x.safetensors", "x.png"])
@pytest.mark.parametrize(
    "content", [b"", b"nonsense" * 9, b"\x93NUMPY\x01\x00v\x00{'descr': 'O'", b"\x89PNG\r\n\x1a\n"]
)
def test_damaged_files_get_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match="can't be read as") as caught:
        load_tensor(str(tmp_path / name))
    assert "\n" not in caught.value.message


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInputError, match="can't be read"):
        load_tensor(str(tmp_path / "x.npy"))


def test_an_older_file_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.npy"
    save_tensor(torch.ones(2), str(file))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np.lib.format, "open_memmap", full)
        with pytest.raises(StorageError, match="No space left"):
            save_tensor(torch.zeros(2), str(file))
    assert torch.equal(load_tensor(str(file)), torch.ones(2))
    assert [one.name for one in tmp_path.iterdir()] == ["x.npy"]
