"""Traces as a debugged run of a small UNet would write them, for tests of what shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mezzotint_sdk.trace_records import OP_ROW, LadderMark, OpFlags, OpSite, TensorMeta, TraceHeader
from mezzotint_sdk.trace_writer import TraceWriter

__all__ = ["TraceMaker", "unet_sites"]

BLOCKS = ("down_blocks.0", "down_blocks.1", "mid_block", "up_blocks.0", "up_blocks.1")
RESNET = "resnet.py"
ATTENTION = "attention_processor.py"


def _meta(*shape: int) -> TensorMeta:
    return TensorMeta(shape=shape, dtype="float32", device="cpu")


def unet_sites(folder: Path | str = "/lib/diffusers/models") -> list[OpSite]:
    """The ops of one forward, in order: five blocks of a resnet and an attention each."""
    sites = []
    for depth, block in enumerate(BLOCKS):
        size = 64 >> (depth if depth < 3 else 4 - depth)
        image, tokens = _meta(2, 64, size, size), _meta(2, size * size, 64)
        resnet, attention = f"unet.{block}.resnets.0", f"unet.{block}.attentions.0"
        weight = _meta(64, 64, 3, 3)

        def op(
            name: str,
            module: str,
            kind: str,
            place: tuple[str, int],
            inputs: tuple[TensorMeta, ...],
            output: TensorMeta,
            flops: int = 0,
            kernel: str = "",
        ) -> OpSite:
            nbytes = 4 * sum(int(np.prod(meta.shape)) for meta in (*inputs, output))
            return OpSite(
                op=name,
                module=module,
                module_class=kind,
                file=f"{folder}/{place[0]}",
                line=place[1],
                function="forward",
                inputs=inputs,
                outputs=(output,),
                flops=flops,
                nbytes=nbytes,
                kernel=kernel,
            )

        pixels = 2 * 64 * size * size
        sites += [
            op(
                "aten.native_group_norm.default",
                f"{resnet}.norm1",
                "GroupNorm",
                (RESNET, 12),
                (image,),
                image,
            ),
            op("aten.silu.default", f"{resnet}.nonlinearity", "SiLU", (RESNET, 13), (image,), image),
            op(
                "aten.convolution.default",
                f"{resnet}.conv1",
                "Conv2d",
                (RESNET, 14),
                (image, weight),
                image,
                flops=2 * 9 * 64 * pixels,
            ),
            op("aten.add.Tensor", resnet, "ResnetBlock2D", (RESNET, 15), (image, image), image),
            op("aten.view.default", attention, "Transformer2DModel", (ATTENTION, 7), (image,), tokens),
            op(
                "aten.mm.default",
                f"{attention}.to_q",
                "Linear",
                (ATTENTION, 8),
                (tokens, _meta(64, 64)),
                tokens,
                flops=2 * 64 * pixels,
            ),
            op(
                "aten._scaled_dot_product_flash_attention_for_cpu.default",
                attention,
                "Transformer2DModel",
                (ATTENTION, 10),
                (tokens, tokens, tokens),
                tokens,
                flops=4 * 64 * pixels,
                kernel="flash (CPU)",
            ),
            op("aten._softmax.default", attention, "Transformer2DModel", (ATTENTION, 11), (tokens,), tokens),
        ]
    sites.append(
        OpSite(op="aten.mul.Tensor", file="/lib/diffusers/schedulers/ddim.py", line=30, inputs=(_meta(1),))
    )
    return sites


@dataclass
class TraceMaker:
    """Writes steps of the UNet to a file, some at a time, as a run does."""

    path: Path
    folder: Path | str = "/lib/diffusers/models"
    statistics: bool = False
    seed: int = 1
    scale_from: dict[int, float] = field(default_factory=dict)  # op number → factor on its statistics

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = TraceWriter(self.path, TraceHeader(run_id="run"))
        self.sites = unet_sites(self.folder)
        self._ids = [self.writer.site(site) for site in self.sites]
        self._random = np.random.default_rng(self.seed)
        self.count = 0

    def steps(self, first: int, count: int, steps: int = 20) -> TraceMaker:
        """Append whole sampler steps."""
        costs = np.array([8.0 + site.flops / 4e5 + site.nbytes / 2e5 for site in self.sites])
        for step in range(first, first + count):
            mark = self.writer.mark(
                LadderMark(phase="denoise", step=step, steps=steps, timestep=1000.0 - 50 * step, sigma=1.0)
            )
            rows = np.zeros(len(self.sites), OP_ROW)
            rows["site"] = self._ids
            rows["mark"] = mark
            rows["duration_us"] = costs * self._random.lognormal(0.0, 0.25, len(costs))
            rows["started_us"] = np.cumsum(rows["duration_us"]).astype(np.uint64) + step * 100_000
            rows["memory_delta"] = np.where(
                rows["duration_us"] > np.median(rows["duration_us"]),
                [site.nbytes // 3 for site in self.sites],
                [-(site.nbytes // 3) for site in self.sites],
            )
            rows["flags"] = [int(OpFlags.VIEW) if ".view." in site.op else 0 for site in self.sites]
            numbers = np.arange(self.count, self.count + len(rows))
            for name in ("minimum", "maximum", "mean", "norm"):
                rows[name] = np.nan
            if self.statistics:
                rows["flags"] |= int(OpFlags.STATISTICS)
                rows["norm"] = 10 + numbers % 41
                rows["mean"] = 0.01 * (numbers % 7)
                rows["minimum"], rows["maximum"] = -3.0 - numbers % 3, 3.0 + numbers % 5
                for at, factor in self.scale_from.items():
                    for name in ("minimum", "maximum", "mean", "norm"):
                        rows[name][numbers >= at] *= factor
            self.put(rows)
        return self

    def put(self, rows: np.ndarray) -> None:
        self.writer.ops(rows, [((), ()) for _ in rows])
        self.count += len(rows)

    def nan_at_last(self) -> None:
        """One more op, in whose output NaN appeared."""
        row = np.zeros(1, OP_ROW)
        row["site"] = self._ids[7]
        row["flags"] = int(OpFlags.NAN)
        row["duration_us"] = 40.0
        self.put(row)

    def flush(self) -> Path:
        self.writer.flush()
        return self.path

    def done(self) -> Path:
        self.writer.close()
        return self.path
