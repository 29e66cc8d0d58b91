"""A language model's text on the ladder: each token is a step, with the phases "forward" and "sample".

It rides on what `transformers`' `generate` offers to everybody, processors of logits and criteria to stop, so
no hook is added and no method replaced. Both are called outside of the model, where a run may be armed,
paused and left. Under beam search a step is one position of all beams.

Text is executed again without feeding kept outputs of the model: a forward also writes the cache of keys and
values, which kept logits wouldn't.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mezzotint_engine.opdebug.ladder import Ladder

if TYPE_CHECKING:
    from mezzotint_engine.opdebug.debug_session import DebugSession

__all__ = ["FORWARD", "SAMPLE", "generate_on_ladder", "generate_under"]

FORWARD = "forward"
SAMPLE = "sample"


class _SamplingBegins:
    """As a logits processor: the model has run for this token."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._ladder.enter_phase(SAMPLE)
        return scores


class _TokenIsDone:
    """As a criterion to stop, which it never is: the next token is the next step."""

    def __init__(self, ladder: Ladder, prompt_length: int, tokens: int, boundary: Callable[[], None]) -> None:
        self._ladder, self._boundary = ladder, boundary
        self._prompt_length, self._tokens = prompt_length, tokens

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        done = input_ids.shape[1] - self._prompt_length
        self._boundary()
        if done < self._tokens:
            self._ladder.enter_step(done, self._tokens)
            self._ladder.enter_phase(FORWARD)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def generate_on_ladder(
    model: nn.Module,
    input_ids: Tensor,
    ladder: Ladder,
    *,
    max_new_tokens: int,
    boundary: Callable[[], None] = lambda: None,
    **settings: Any,
) -> Any:
    """`model.generate(input_ids, …)`, telling `ladder` of each token.

    `input_ids`: (batch, prompt length), int64. `boundary` is called between two tokens and may raise, which
    ends the generation. `settings` go to `generate` as they are. The result is what `generate` gives, bit for
    bit.
    """
    from transformers import LogitsProcessorList, StoppingCriteriaList

    processors = [*settings.pop("logits_processor", ())]
    criteria = [*settings.pop("stopping_criteria", ())]
    # an encoder's prompt is not in what its decoder gives, which begins with one token
    encoder_decoder = bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))
    length = 1 if encoder_decoder else input_ids.shape[1]
    done = _TokenIsDone(ladder, length, max_new_tokens, boundary)
    ladder.enter_step(0, max_new_tokens)
    ladder.enter_phase(FORWARD)
    generate: Any = model.generate  # which `nn.Module` has not, and models of transformers do
    return generate(
        input_ids,
        max_new_tokens=max_new_tokens,
        logits_processor=LogitsProcessorList([_SamplingBegins(ladder), *processors]),
        stopping_criteria=StoppingCriteriaList([*criteria, done]),
        **settings,
    )


def generate_under(
    session: DebugSession, model: nn.Module, input_ids: Tensor, *, max_new_tokens: int, **settings: Any
) -> Any:
    """The same in a run under the debugger, which may then step back in it. The prompt must not be changed
    meanwhile; global generators are put back by the debugger."""

    def again(ladder: Ladder) -> None:
        generate_on_ladder(
            model,
            input_ids,
            ladder,
            max_new_tokens=max_new_tokens,
            boundary=session.gate.check,
            **settings,
        )

    session.use_rerun(again)
    return generate_on_ladder(
        model,
        input_ids,
        session.ladder,
        max_new_tokens=max_new_tokens,
        boundary=session.boundary,
        **settings,
    )
