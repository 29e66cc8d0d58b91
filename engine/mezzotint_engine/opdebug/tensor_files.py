"""Tensors in files: .npy, .safetensors and .png; written beside and renamed, read without running code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from PIL import Image

from mezzotint_engine.opdebug.tensor_pictures import picture_of
from mezzotint_engine.opdebug.tensor_statistics import statistics_of
from mezzotint_engine.opdebug.tensor_table import TensorTable
from mezzotint_sdk.errors import BadInputError, NotFoundError, StorageError

__all__ = ["SUFFIXES", "SavedTensor", "load_tensor", "save_tensor"]

SUFFIXES = (".npy", ".safetensors", ".png")
_MAX_PICTURE_SIDE = 16_384
_ROWS_AT_ONCE_BYTES = 1 << 26


class SavedTensor(NamedTuple):
    file: Path
    nbytes: int
    note: str = ""  # one sentence: what the format could not hold


def save_tensor(tensor: torch.Tensor, file: str, name: str = "out") -> SavedTensor:
    """Write it; the file's ending says how. An older file is replaced only when the new one is whole.

    .npy has no bfloat16 and no float8: these become float32, which holds all their values. .png is the
    picture that is shown, with one pixel an element. In .safetensors the tensor is called `name`.
    """
    path = _path(file)
    if not path.parent.is_dir():
        raise NotFoundError(f"There is no folder {path.parent} to save in.")
    if path.is_dir():
        raise BadInputError(f"{path} is a folder; give a file's name that ends in {_endings()}.")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with torch.no_grad():
            tensor = tensor.detach()
            match path.suffix.lower():
                case ".npy":
                    note = _write_npy(tensor, beside)
                case ".safetensors":
                    note = _write_safetensors(tensor, beside, name)
                case _:
                    note = _write_png(tensor, beside)
        os.replace(beside, path)
        return SavedTensor(path, path.stat().st_size, note)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror or error}.") from error
    finally:
        beside.unlink(missing_ok=True)


def load_tensor(file: str, name: str = "") -> torch.Tensor:
    """Read it, on the CPU.

    Of a .safetensors file with several tensors it is the one called `name`; "file#name" picks one, too. A
    .png gives (3, height, width), float32, 0 … 1.
    """
    file, _, wanted = file.strip().partition("#") if ".safetensors#" in file else (file.strip(), "", "")
    path = _path(file)
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    try:
        match path.suffix.lower():
            case ".npy":
                return _read_npy(path)
            case ".safetensors":
                return _read_safetensors(path, wanted, name)
            case _:
                return _read_png(path)
    except (OSError, ValueError, EOFError, SyntaxError, safetensors.SafetensorError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadInputError(f"{path} can't be read as {path.suffix.lower()}: {said}") from error


def _path(file: str) -> Path:
    path = Path(file).expanduser()
    if not file.strip() or path.suffix.lower() not in SUFFIXES:
        raise BadInputError(f"'{file}' has no ending that is known; give a file that ends in {_endings()}.")
    if not path.is_absolute():
        raise BadInputError(f"'{file}' doesn't say in which folder; give the whole path.")
    return path


def _endings() -> str:
    return f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"


def _write_npy(tensor: torch.Tensor, file: Path) -> str:
    dtype, note = tensor.dtype, ""
    if dtype is torch.complex32:
        tensor, note = tensor.to(torch.complex64), "complex32 was saved as complex64."
    elif dtype is torch.bfloat16 or (dtype.is_floating_point and dtype.itemsize == 1):
        note = f"{str(dtype).removeprefix('torch.')} was saved as float32, which .npy has."
    as_float = bool(note) and dtype is not torch.complex32
    kind = torch.empty(0, dtype=torch.float32 if as_float else tensor.dtype, device="cpu").numpy().dtype
    if not tensor.numel():
        with file.open("wb") as opened:
            np.save(opened, np.empty(tuple(tensor.shape), kind))
        return note
    # Some rows at a time: the host needs no second copy of what may fill the device.
    table = TensorTable(tensor)
    rows = max(1, _ROWS_AT_ONCE_BYTES // max(1, table.columns * tensor.element_size()))
    mapped = np.lib.format.open_memmap(file, mode="w+", dtype=kind, shape=tuple(tensor.shape))
    flat = mapped.reshape(table.rows, table.columns)
    for first in range(0, table.rows, rows):
        part = table.raw(first, rows)
        flat[first : first + rows] = (
            (part.float() if as_float else part).cpu().resolve_conj().resolve_neg().numpy()
        )
    mapped.flush()
    return note


def _write_safetensors(tensor: torch.Tensor, file: Path, name: str) -> str:
    name = "".join(letter if letter.isalnum() or letter in "._-[]" else "_" for letter in name) or "out"
    try:
        whole = tensor.cpu().resolve_conj().resolve_neg().contiguous().clone()
        safetensors.torch.save_file({name: whole}, file)
    except (KeyError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise BadInputError(
            f"A tensor of {kind} can't be saved as .safetensors ({error}); use .npy."
        ) from error
    return ""


def _write_png(tensor: torch.Tensor, file: Path) -> str:
    if max(tensor.shape, default=0) > _MAX_PICTURE_SIDE:
        raise BadInputError(
            f"A picture of more than {_MAX_PICTURE_SIDE} pixels a side isn't saved; use a slice."
        )
    picture = picture_of(tensor, statistics_of(TensorTable(tensor)), _MAX_PICTURE_SIDE, _MAX_PICTURE_SIDE)
    Image.fromarray(picture.pixels).save(file, "PNG")
    return picture.note


def _read_npy(path: Path) -> torch.Tensor:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it holds several arrays")
    if array.dtype.byteorder not in ("=", "|") and array.dtype.newbyteorder("=") != array.dtype:
        array = array.astype(array.dtype.newbyteorder("="))
    try:
        return torch.from_numpy(np.array(array, copy=True, order="C"))
    except TypeError:
        raise ValueError(f"torch has no dtype for its numbers ({array.dtype})") from None


def _read_safetensors(path: Path, wanted: str, name: str) -> torch.Tensor:
    with safetensors.safe_open(path, framework="pt", device="cpu") as opened:
        names = list(opened.keys())
        chosen = wanted or (name if name in names else names[0] if len(names) == 1 else "")
        if chosen not in names:
            some = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
            raise BadInputError(f"{path.name} holds {some or 'no tensor'}; say which as '{path.name}#NAME'.")
        found: torch.Tensor = opened.get_tensor(chosen)
        return found


def _read_png(path: Path) -> torch.Tensor:
    with Image.open(path) as opened:
        if max(opened.size) > _MAX_PICTURE_SIDE:
            raise ValueError(f"it has more than {_MAX_PICTURE_SIDE} pixels a side")
        pixels = np.array(opened.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
