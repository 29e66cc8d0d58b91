"""The debugger holds for text models, training, checkpointing, compiled and multi-threaded code, and
subclasses.

Each time: with it on and nothing edited, results are the same bits; each op is named with its module and
line.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import LlamaConfig, LlamaForCausalLM

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from mezzotint_sdk.trace_reader import OpRow
from tests.engine.opdebug.session_host import Debugged

NEVER = DebugPlan(stop_at="never", record="statistics", on_exception=False)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_llama(layers: int = 3) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=200,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    return LlamaForCausalLM(config).eval()


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 32)
        self.second = nn.Linear(32, 16)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.first(x))
        return x + self.second(hidden)


class Net(nn.Module):
    def __init__(self, checkpointed: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(16, 4)
        self.checkpointed = checkpointed

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.checkpointed else block(x)
        return self.head(x)


def train(model: nn.Module, session: DebugSession | None, iterations: int = 2) -> list[Tensor]:
    """A training loop as people write it, with the ladder told of its phases."""
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    inputs, wanted = torch.randn(8, 16), torch.randint(0, 4, (8,))

    def phase(name: str) -> None:
        if session is not None:
            session.ladder.enter_phase(name)

    for number in range(iterations):
        if session is not None:
            session.boundary()
            session.ladder.enter_step(number, iterations)
        phase("forward")
        logits = model(inputs)
        phase("loss")
        loss = nn.functional.cross_entropy(logits, wanted)
        phase("backward")
        loss.backward()
        phase("clip")
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        phase("optimizer")
        optimizer.step()
        optimizer.zero_grad()
    return [loss.detach(), *(one.detach().clone() for one in model.parameters())]


def made(kind: type[nn.Module], *given: Any) -> nn.Module:
    torch.manual_seed(0)
    return kind(*given)


def same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    return len(first) == len(second) and all(
        same(one, other) for one, other in zip(first, second, strict=True)
    )


def test_generating_text(tmp_path: Path) -> None:
    model = small_llama()
    prompt = torch.arange(1, 9)[None]

    def generate(session: DebugSession | None) -> Tensor:
        torch.manual_seed(3)
        with torch.inference_mode():
            return model.generate(prompt, max_new_tokens=6, do_sample=True, pad_token_id=0)

    debugged = Debugged(tmp_path, {"model": model}, NEVER)
    assert same(debugged.run(generate), generate(None))
    assert not debugged.failures()
    ops = debugged.ops()
    attention = [one.site for one in ops if "scaled_dot_product" in one.site.op]
    assert {site.module for site in attention} == {f"model.model.layers.{n}.self_attn" for n in range(3)}
    assert all(site.kernel for site in attention)
    assert any(site.file.endswith("modeling_llama.py") for site in (one.site for one in ops))


@pytest.mark.parametrize("checkpointed", [False, True])
def test_a_training_step_from_forward_to_optimizer(tmp_path: Path, checkpointed: bool) -> None:
    plain = train(made(Net, checkpointed), None)
    model = made(Net, checkpointed)
    debugged = Debugged(tmp_path, {"net": model}, NEVER)
    assert same(debugged.run(lambda session: train(model, session)), plain)
    assert not debugged.failures()
    ops = debugged.ops()
    phases = list(dict.fromkeys(one.mark.phase for one in ops if one.mark.step == 0))
    assert [name for name in phases if name] == ["forward", "loss", "backward", "clip", "optimizer"]
    backward = [one for one in ops if one.mark.phase == "backward" and "mm" in one.site.op]
    assert backward
    # named with the module and the line of forward that they belong to
    modules = {one.site.module for one in backward}
    assert {"net.head", "net.blocks.0.first", "net.blocks.1.second"} <= modules
    of_first = [one.site for one in backward if one.site.module == "net.blocks.0.first" and one.site.backward]
    assert of_first
    assert all(site.function.endswith("Block.forward") for site in of_first)


def test_standing_in_backward(tmp_path: Path) -> None:
    model = made(Net)
    points = (
        Breakpoint(breakpoint_id=0, op="mm", module="net.blocks.0.second", phase="backward", temporary=True),
    )
    debugged = Debugged(tmp_path, {"net": model}, DebugPlan(stop_at="never", breakpoints=points))
    debugged.start(lambda session: train(model, session))
    stop = debugged.stop()
    assert stop.place.phase == "backward"
    assert stop.place.function.endswith("Block.forward")
    assert not stop.frames[0].live  # of forward, which is over
    said = debugged.ask(dm.SayToConsole(line="w")).text
    assert "forward" in said
    assert "no live variables" in said
    reply = debugged.ask(dm.SayToConsole(line="phase"))
    assert reply.resumed
    assert debugged.stop().place.phase == "clip"
    debugged.ask(dm.SayToConsole(line="phase"))
    assert debugged.stop().place.phase == "optimizer"
    debugged.ask(dm.SayToConsole(line="iter"))
    again = debugged.stop()
    assert (again.place.step, again.place.phase) == (1, "forward")
    refused = debugged.ask(dm.GetStop()).stop.back_refused
    assert refused.endswith(".")
    debugged.ask(dm.SayToConsole(line="c"))
    assert same(debugged.join(), train(made(Net), None))


def test_backward_on_several_threads(tmp_path: Path) -> None:
    """Two threads with losses of their own, as data parallel code has; the debugger sees those of its
    thread."""

    def work(session: DebugSession | None) -> list[Tensor]:
        model = made(Net)
        found: dict[int, Tensor] = {}

        def one(number: int) -> None:
            inputs = torch.full((4, 16), 0.1 * (number + 1))
            (gradient,) = torch.autograd.grad(
                model(inputs).square().sum(), [model.get_parameter("head.weight")]
            )
            found[number] = gradient

        threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        one(2)
        for thread in threads:
            thread.join()
        return [found[number] for number in range(3)]

    debugged = Debugged(tmp_path, {}, NEVER)
    assert same(debugged.run(work), work(None))
    assert not debugged.failures()


class Tagged(Tensor):
    """A tensor subclass with a will of its own."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return super().__torch_function__(func, types, args, kwargs or {})


def test_subclasses_pass_through_unharmed(tmp_path: Path) -> None:
    def work(session: DebugSession | None) -> Tensor:
        tensor = torch.arange(12.0).reshape(3, 4).as_subclass(Tagged)
        return (tensor @ torch.ones(4, 2)).relu()

    debugged = Debugged(tmp_path, {}, NEVER)
    seen = debugged.run(work)
    assert type(seen) is Tagged
    assert same(seen.as_subclass(Tensor), work(None).as_subclass(Tensor))
    assert not debugged.failures()


def test_a_compiled_module_stays_compiled_and_is_said_to_be(tmp_path: Path) -> None:
    calls: list[int] = []

    def backend(graph: torch.fx.GraphModule, _: Any) -> Callable[..., Any]:
        def counted(*given: Any) -> Any:
            calls.append(1)
            return graph.forward(*given)

        return counted

    model = made(Net).eval()
    compiled = torch.compile(model, backend=backend)
    inputs = torch.ones(2, 16)
    with torch.no_grad():
        plain = compiled(inputs)
        before = len(calls)
        debugged = Debugged(tmp_path, {"net": compiled}, NEVER)
        seen = debugged.run(lambda session: compiled(inputs))
    assert same(seen, plain)
    assert len(calls) == before + 1  # it ran as it was compiled, not eagerly
    armed = [one for one in list(debugged.host.reports.queue) if isinstance(one, dm.Armed)]
    assert "compiled" in armed[0].note


def test_every_op_is_seen(tmp_path: Path) -> None:
    """The census: what the profiler counts at the dispatcher, against what was recorded."""
    from torch.profiler import ProfilerActivity, profile

    model = small_llama()
    inputs = torch.arange(1, 9)[None]

    def forward(_: object) -> Tensor:
        with torch.no_grad():
            return model(inputs).logits

    forward(None)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        forward(None)
    counted = sum(event.name == "aten::mm" for event in profiled.events())
    debugged = Debugged(tmp_path, {"model": model}, NEVER)
    debugged.run(forward)
    recorded = [one for one in debugged.ops() if one.site.op.startswith("aten.mm.")]
    assert counted == len(recorded) > 0


def test_an_error_in_python_is_looked_at_post_mortem(tmp_path: Path) -> None:
    def work(session: DebugSession) -> None:
        answer = {"known": 1}
        torch.ones(3).sum()
        answer["unknown"]

    debugged = Debugged(tmp_path, {}, DebugPlan(stop_at="never"))
    debugged.start(work)
    stop = debugged.stop()
    assert stop.reason == "exception"
    assert "KeyError" in stop.message
    assert debugged.ask(dm.SayToConsole(line="p answer")).text.strip() == "{'known': 1}"
    with pytest.raises(Exception, match="has failed"):
        debugged.ask(dm.Resume(verb="over"))
    debugged.ask(dm.Resume(verb="continue"))
    with pytest.raises(KeyError):
        debugged.join()


def test_rows_know_the_same_tensor_again(tmp_path: Path) -> None:
    def work(_: object) -> Tensor:
        first = torch.ones(3) + 1
        return first * 2

    debugged = Debugged(tmp_path, {}, NEVER)
    debugged.run(work)
    by_op: dict[str, OpRow] = {one.site.op: one for one in debugged.ops()}
    assert by_op["aten.mul.Tensor"].inputs[0] == by_op["aten.add.Tensor"].outputs[0]
    assert by_op["aten.mul.Tensor"].maximum == 4.0


def test_rows_say_what_an_op_allocated(tmp_path: Path) -> None:
    def work(_: object) -> Tensor:
        made = torch.ones(4, 6) + 1
        made.mul_(2)
        return made.t().reshape(-1)

    debugged = Debugged(tmp_path, {}, NEVER)
    debugged.run(work)
    allocated = {one.site.op: one.memory_delta for one in debugged.ops()}
    assert allocated["aten.add.Tensor"] == 4 * 6 * 4
    assert allocated["aten.mul_.Tensor"] == allocated["aten.t.default"] == 0
    assert sum(allocated.values()) == 3 * 4 * 6 * 4  # ones, the sum, and the copy that reshape needs
