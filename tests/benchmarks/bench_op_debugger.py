"""What the op debugger costs: a forward under it against a bare one, a step over an op, a look into the past.

The language model is SmolLM2-135M (64 tokens, some 2,200 ops), the picture model the bundled UNet. One
thread, which is the engine's own choice on few cores.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mezzotint_engine.worker.thread_choice import default_threads
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from mezzotint_sdk.run_traces import TRACE_IN_RUN
from mezzotint_sdk.trace_reader import TraceReader
from tests.benchmarks.comparison import Result, compare
from tests.benchmarks.smollm2 import load_smollm2, smollm2_folder
from tests.engine.opdebug.debugged_job import DebuggedJob, at
from tests.engine.opdebug.session_host import Debugged

Forward = Callable[[], object]

_numbers = count()


def measure(quick: bool) -> list[Result]:
    torch.set_num_threads(default_threads())
    rounds = 3 if quick else 15
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        smollm2 = smollm2_folder()
        if smollm2 is not None:
            model = load_smollm2(smollm2)
            tokens = torch.randint(0, 40_000, (1, 64), generator=torch.Generator().manual_seed(0))
            results += _forwards(
                "SmolLM2", "model", model, lambda: model(tokens), "*.layers.12.mlp", folder, rounds
            )
        results += _of_unet(folder, rounds)
        results += _stops(folder, 20 if quick else 100)
    return results


def _of_unet(folder: Path, rounds: int) -> list[Result]:
    from diffusers import UNet2DConditionModel

    place = Path(str(files("mezzotint_assets"))) / "models" / "emoji-64"
    unet = UNet2DConditionModel.from_pretrained(place, subfolder="unet").eval()
    latents, text = torch.randn(2, 4, 16, 16), torch.randn(2, 32, unet.config.cross_attention_dim)

    def forward() -> object:
        return unet(latents, 500, text)

    results = _forwards("UNet", "unet", unet, forward, "unet.mid_block", folder, rounds, torch.inference_mode)
    run = _debugged(folder, {"unet": unet}, DebugPlan(stop_at="never"))
    with torch.inference_mode():
        run.run(lambda _: forward())
    reader = TraceReader(run.folder / TRACE_IN_RUN)
    ops = reader.follow()
    reader.close()
    nbytes = (run.folder / TRACE_IN_RUN).stat().st_size / ops
    results.append(
        Result(
            name="trace-bytes",
            what=f"trace of one UNet forward ({ops} ops), descriptors only: bytes an op on disk",
            value=nbytes,
            target=100.0,
            unit="bytes",
            verdict="met" if nbytes <= 100 else "missed",
        )
    )
    return results


def _debugged(folder: Path, models: Mapping[str, nn.Module], plan: DebugPlan | None) -> Debugged:
    return Debugged(folder / f"run{next(_numbers)}", models, plan)


def _forwards(
    title: str,
    part: str,
    model: nn.Module,
    forward: Forward,
    module: str,
    folder: Path,
    rounds: int,
    around: Callable[[], Any] = torch.no_grad,
) -> list[Result]:
    """`around`: as the engine (pictures) or its users (text) call it; ops come whole in inference mode, and
    else in parts."""

    @contextmanager
    def session(plan: DebugPlan | None) -> Any:
        """Attached once, as it is for a run of many forwards."""
        run = _debugged(folder, {part: model}, plan)
        run.session.attach({part: model})
        run.session.ladder.enter_picture(0, 1)
        run.session.boundary()
        try:
            yield run.session
        finally:
            run.session.close()

    def bare() -> float:
        began = time.perf_counter()
        with around():
            forward()
        return time.perf_counter() - began

    def armed(plan: DebugPlan | None, before: int) -> float:
        """The forward alone, with all rows written, after `before` others; arming is not part of it."""
        with session(plan) as debugger:
            for _ in range(before):
                bare()
            began = time.perf_counter()
            with around():
                forward()
            if debugger._capture is not None:
                debugger._capture.flush()
            return time.perf_counter() - began

    never = Breakpoint(breakpoint_id=0, module=module, expression="out.abs().max() > 1e30")
    descriptors = DebugPlan(stop_at="never", on_exception=False)
    plans: tuple[tuple[str, str, DebugPlan | None, float, int], ...] = (
        ("off", "not armed", None, 1.05, 0),
        # at the first forward each op is met, and described, for the first time
        ("first-descriptors", "recording descriptors, first forward", descriptors, 1.4, 0),
        ("descriptors", "recording descriptors, later forward", descriptors, 1.4, 1),
        (
            "statistics",
            "with statistics of each output, later forward",
            DebugPlan(stop_at="never", record="statistics", on_exception=False),
            2.5,
            1,
        ),
        (
            "module-breakpoint",
            "a breakpoint on a module that never hits",
            DebugPlan(stop_at="never", record="nothing", breakpoints=(never,), on_exception=False),
            1.1,
            0,
        ),
    )
    return [
        compare(
            f"debug-{title}-{name}",
            f"forward of {title}, {what}, against bare",
            bare,
            lambda plan=plan, before=before: armed(plan, before),  # type: ignore[misc]
            target=target,
            rounds=rounds,
            warm_ups=2,
        )
        for name, what, plan, target, before in plans
    ]


def _stops(folder: Path, steps: int) -> list[Result]:
    """In the engine's own job: a step over an op, and a step back within one sampler step."""
    plan = DebugPlan(stop_at="never", breakpoints=(at(module="unet.mid_block", step=1, temporary=True),))
    with DebuggedJob(folder / "steps", plan) as run:
        run.stop()
        times = []
        for _ in range(steps):
            began = time.perf_counter()
            stop = run.go("over")
            name = stop.tensors[-1].name if stop.tensors else "ins"
            run.ask(dm.LookAtTensor(name=name))
            times.append((time.perf_counter() - began) * 1e3)
        first = run.go("over", "step")  # the beginning of a step, which is stepped through in one go
        began = time.perf_counter()
        following = run.go("over", "step")
        forward_s = time.perf_counter() - began
        begin, end = first.place.op_number, following.place.op_number
        back = []
        for number in range(begin + 1, end, max(1, (end - begin) // 10)):
            began = time.perf_counter()
            run.go("back", op_number=number)
            back.append(time.perf_counter() - began)
        run.go("continue")
        run.finish()
    p95 = statistics.quantiles(times, n=20)[-1]
    slowest = max(back) / forward_s
    return [
        Result(
            name="debug-step-over",
            what="step over an op until its tensors are told and looked at, 95th percentile",
            value=p95,
            target=30.0,
            unit="ms",
            verdict="met" if p95 <= 30 else "missed",
        ),
        Result(
            name="debug-step-back",
            what="step back within one sampler step, slowest, against that step under the debugger",
            value=slowest,
            target=1.2,
            verdict="met" if slowest <= 1.2 else "missed",
        ),
    ]
