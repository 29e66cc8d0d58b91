"""Statistics of every op's outputs, quick enough to be taken while a model runs.

Least and greatest element, mean, 2-norm, and whether there is NaN or Inf. NaN survives `amin` and `amax`, and
so does Inf, so the extremes tell both at once; only a tensor with either is looked at a second time, for its
finite part. On a device nothing waits: four scalars for each tensor stay there until `flush` brings all of
them over in one transfer. A view of all of a storage has the statistics of the one before, and gets these.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.multiprocessing.reductions import StorageWeakRef

__all__ = ["NO_SAMPLE", "QuickStatistics", "Sample", "has_inf", "has_nan", "sample_of"]

_PLAIN = (torch.Tensor, torch.nn.Parameter)
_HALVES = frozenset({torch.float16, torch.bfloat16})
_NARROW = frozenset(
    value
    for value in vars(torch).values()
    if isinstance(value, torch.dtype) and str(value).startswith("torch.float8")
)
_MAX_WIDENED = 1 << 24  # elements of a half-precision tensor that is copied to float32, which is quicker
_MAX_KEPT = 4096  # storages whose statistics are remembered


class Sample(NamedTuple):
    """Statistics over the finite elements (NaN where there is none). Complex ones count by absolute value."""

    minimum: float
    maximum: float
    mean: float
    norm: float
    nan: bool = False
    inf: bool = False


NO_SAMPLE = Sample(math.nan, math.nan, math.nan, math.nan)


class _Kept:
    """What is known of all of a storage. The weak reference keeps its address from being given away again."""

    __slots__ = ("dtype", "key", "numel", "sample", "storage", "version")

    def __init__(self, tensor: torch.Tensor, storage: StorageWeakRef, version: int) -> None:
        self.storage, self.version = storage, version
        self.dtype, self.numel = tensor.dtype, tensor.numel()
        self.sample: Sample | None = None
        self.key = -1  # of the staged tensor whose sample it will be


class QuickStatistics:
    """Samples of one thread's tensors.

    `take(key, tensor)` gives the sample at once where that costs no waiting (CPU), else None: it may come
    later, from `flush`. A tensor that has no statistics (empty, meta, sparse, a subclass) never comes.
    What an op writes into must be told by `forget`, because inference tensors count no versions.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._staged: dict[torch.device, _Staged] = {}
        self._copies: list[tuple[int, int, float]] = []  # (key, key of the one it shares, factor of the norm)

    def take(self, key: int, tensor: torch.Tensor) -> Sample | None:
        if type(tensor) not in _PLAIN or tensor.layout is not torch.strided:
            return None
        numel = tensor.numel()
        if not numel:
            return None
        if tensor.requires_grad and torch.is_grad_enabled():
            tensor = tensor.detach()
        try:
            return self._take(key, tensor, numel)
        except (RuntimeError, NotImplementedError):
            # No kernel for this dtype and device, or no memory for four scalars: no statistics then.
            return None

    def forget(self, tensor: torch.Tensor) -> None:
        """Its memory was written to."""
        if type(tensor) in _PLAIN and tensor.layout is torch.strided:
            self._kept.pop(tensor.untyped_storage()._cdata, None)

    def flush(self) -> list[tuple[int, Sample]]:
        """(key, sample) of all that was staged since the last call: one transfer for each device."""
        found: dict[int, Sample] = {}
        staged, self._staged = self._staged, {}
        for one in staged.values():
            found.update(one.fetch())
        for kept in self._kept.values():
            if kept.sample is None and kept.key in found:
                kept.sample = found[kept.key]
        for key, of, factor in self._copies:
            if of in found:
                found[key] = _with_norm(found[of], factor)
        self._copies.clear()
        return list(found.items())

    def _take(self, key: int, tensor: torch.Tensor, numel: int) -> Sample | None:
        repeats = 1
        strides = tensor.stride()
        if 0 in strides and numel > 1:
            # An expanded tensor repeats its elements: look at each once.
            tensor = tensor[tuple(slice(0, 1) if not stride else slice(None) for stride in strides)]
            repeats = numel // tensor.numel()
        kept = self._kept_of(tensor)
        factor = math.sqrt(repeats)
        if kept is not None and kept.sample is not None:
            return _with_norm(kept.sample, factor)
        if tensor.is_cpu:
            sample = sample_of(tensor)
            if kept is not None:
                kept.sample = sample
            return _with_norm(sample, factor)
        if kept is not None and kept.key >= 0:
            self._copies.append((key, kept.key, factor))
            return None
        device = tensor.device
        if device.type == "meta":
            return None
        staged = self._staged.get(device)
        if staged is None:
            staged = self._staged[device] = _Staged(device)
        staged.add(key, tensor, factor)
        if kept is not None and repeats == 1:
            kept.key = key
        return None

    def _kept_of(self, tensor: torch.Tensor) -> _Kept | None:
        """What is kept of its storage, made if need be; None for a tensor that isn't all of a storage."""
        storage = tensor.untyped_storage()
        numel = tensor.numel()
        if storage.nbytes() != numel * tensor.element_size() or tensor.is_neg() or tensor.is_conj():
            return None
        if not tensor.is_contiguous() and not _dense(tensor):
            return None
        address = storage._cdata
        version = -1 if tensor.is_inference() else tensor._version
        kept = self._kept.get(address)
        if (
            kept is not None
            and kept.version == version
            and kept.dtype is tensor.dtype
            and kept.numel == numel
            and not kept.storage.expired()
        ):
            return kept
        if len(self._kept) >= _MAX_KEPT:
            self._kept = {where: one for where, one in self._kept.items() if not one.storage.expired()}
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
        kept = self._kept[address] = _Kept(tensor, StorageWeakRef(storage), version)
        return kept


class _Staged:
    """Scalars of one device that wait for their transfer."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._keys: list[int] = []
        self._scalars: dict[torch.dtype, list[tuple[int, torch.Tensor]]] = {}
        self._counts: list[int] = []
        self._factors: list[float] = []
        self._streams: dict[int, torch.cuda.Stream] = {}

    def add(self, key: int, tensor: torch.Tensor, factor: float) -> None:
        wide = _as_real(tensor)
        least, greatest = torch.aminmax(wide)
        single = wide.dtype in _HALVES
        total = wide.sum(dtype=torch.float32) if single else wide.sum()
        norm = torch.linalg.vector_norm(wide, dtype=torch.float32 if single else None)
        first = 4 * len(self._keys)
        for place, scalar in enumerate((least, greatest, total, norm)):
            self._scalars.setdefault(scalar.dtype, []).append((first + place, scalar))
        self._keys.append(key)
        self._counts.append(wide.numel())
        self._factors.append(factor)
        if self._device.type == "cuda":
            stream = torch.cuda.current_stream(self._device)
            self._streams[stream.cuda_stream] = stream

    def fetch(self) -> list[tuple[int, Sample]]:
        if not self._keys:
            return []
        with torch.no_grad():
            for stream in self._streams.values():
                torch.cuda.current_stream(self._device).wait_stream(stream)
            wide = torch.float32 if self._device.type == "mps" else torch.float64  # which MPS hasn't
            places = [place for group in self._scalars.values() for place, _ in group]
            columns = [torch.stack([one for _, one in group]).to(wide) for group in self._scalars.values()]
            values = torch.cat(columns).cpu().tolist()
        rows = [0.0] * len(values)
        for place, value in zip(places, values, strict=True):
            rows[place] = value
        return [
            (key, _with_norm(_staged_sample(count, *rows[4 * index : 4 * index + 4]), factor))
            for index, (key, count, factor) in enumerate(
                zip(self._keys, self._counts, self._factors, strict=True)
            )
        ]


def _staged_sample(count: int, least: float, greatest: float, total: float, norm: float) -> Sample:
    """The tensor itself may be gone: where NaN or Inf is in it, what is finite stays unknown."""
    if math.isnan(least):
        return Sample(math.nan, math.nan, math.nan, math.nan, True, False)
    inf = math.isinf(least) or math.isinf(greatest)
    if inf:
        return Sample(_finite(least), _finite(greatest), math.nan, math.nan, False, True)
    return Sample(least, greatest, _finite(total / count), _finite(norm), False, False)


def sample_of(tensor: torch.Tensor) -> Sample:
    """Statistics of one tensor with at least one element, now (on a device: waiting for it)."""
    if tensor.dtype is torch.bool:
        count, true = tensor.numel(), int(tensor.sum().item())
        return Sample(float(true == count), float(true > 0), true / count, math.sqrt(true))
    wide = _as_real(tensor)
    count = wide.numel()
    if wide.dtype in _HALVES and count <= _MAX_WIDENED:
        wide = wide.float()
    if count > 8192 and wide.dtype is not torch.float16 and wide.dtype is not torch.bfloat16:
        # Above this size two passes with vector instructions beat aminmax's one without.
        least, greatest = wide.amin().item(), wide.amax().item()
    else:
        both = torch.aminmax(wide)
        least, greatest = both[0].item(), both[1].item()
    if not (math.isfinite(least) and math.isfinite(greatest)):
        return _of_finite_part(wide)
    single = torch.float32 if wide.dtype in _HALVES else None
    total = wide.sum(dtype=single).item()
    norm = torch.linalg.vector_norm(wide, dtype=single).item()
    if math.isinf(total) or math.isinf(norm):
        return _of_huge(wide, least, greatest)
    return Sample(least, greatest, total / count, norm)


def _as_real(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers in a dtype that all four reductions take."""
    dtype = tensor.dtype
    if dtype.is_complex:
        return tensor.abs() if dtype is not torch.complex32 else tensor.to(torch.complex64).abs()
    if dtype.is_floating_point:
        return tensor.float() if dtype in _NARROW else tensor
    # Sums of squares overflow integers, and vector_norm takes none.
    return tensor.float() if tensor.device.type == "mps" else tensor.double()


def _of_finite_part(tensor: torch.Tensor) -> Sample:
    finite = tensor.isfinite()
    nan = bool(tensor.isnan().any())
    inf = bool(tensor.isinf().any())
    count = int(finite.sum())
    if not count:
        return Sample(math.nan, math.nan, math.nan, math.nan, nan, inf)
    kept = torch.where(finite, tensor, torch.zeros((), dtype=tensor.dtype, device=tensor.device))
    least = torch.where(finite, tensor, math.inf).amin().item()
    greatest = torch.where(finite, tensor, -math.inf).amax().item()
    wide = kept.to(torch.float32 if tensor.device.type == "mps" else torch.float64)
    mean, norm = wide.sum().item() / count, torch.linalg.vector_norm(wide).item()
    return Sample(least, greatest, mean, norm, nan, inf)


def _of_huge(tensor: torch.Tensor, least: float, greatest: float) -> Sample:
    """Finite, but sum or squares overflow the dtype: scaled to 1 and in float64 where the device has it."""
    scale = max(abs(least), abs(greatest))
    wide = tensor.to(torch.float32 if tensor.device.type == "mps" else torch.float64) / scale
    mean, norm = wide.mean().item() * scale, torch.linalg.vector_norm(wide).item() * scale
    return Sample(least, greatest, mean, _finite(norm))


def _with_norm(sample: Sample, factor: float) -> Sample:
    return sample if factor == 1.0 else sample._replace(norm=sample.norm * factor)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _dense(tensor: torch.Tensor) -> bool:
    """Whether a permuted tensor covers its storage without overlap."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size == 1:
            continue
        if stride != expected:
            return False
        expected *= size
    return True


def _suspect(tensor: torch.Tensor) -> torch.Tensor | None:
    """The tensor (widened where need be) when its sum is no finite number, else None: no NaN, no Inf."""
    dtype = tensor.dtype
    if (
        not (dtype.is_floating_point or dtype.is_complex)
        or tensor.device.type == "meta"
        or not tensor.numel()
    ):
        return None
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return None
    with torch.no_grad():
        wide = tensor.float() if dtype in _NARROW else tensor
        number = (wide.sum(dtype=torch.float32) if dtype in _HALVES else wide.sum()).item()
    parts = (number.real, number.imag) if isinstance(number, complex) else (number,)
    return None if all(map(math.isfinite, parts)) else wide


def has_nan(tensor: torch.Tensor) -> bool:
    """Whether any element is NaN: one sum, and a second look at a suspect."""
    suspect = _suspect(tensor)
    return suspect is not None and bool(suspect.isnan().any())


def has_inf(tensor: torch.Tensor) -> bool:
    """Whether any element is infinite. A sum of finite numbers that overflows is looked at again."""
    suspect = _suspect(tensor)
    return suspect is not None and bool(suspect.isinf().any())
