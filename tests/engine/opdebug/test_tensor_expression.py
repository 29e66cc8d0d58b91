"""Expressions on the tensors of a stop: what they see, what they may not do, how they fail."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mezzotint_engine.opdebug.tensor_expression import TensorExpression, TextTemplate, input_name, names_of_op
from mezzotint_sdk.errors import BadInputError


def _names() -> dict[str, object]:
    ins = [torch.ones(2, 3), torch.full((3,), 4.0)]
    return names_of_op(ins, [ins[0] @ ins[1]], step=3, phase="denoise", op="aten.mv.default", module="unet")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("out.max()", 12.0),
        ("a.shape[1] + len(ins)", 5),
        ("outs[0][0] == (a @ b)[0]", True),
        ("step == 3 and phase == 'denoise' and module == 'unet'", True),
        ("max(float(x.sum()) for x in ins)", 12.0),
        ("math.sqrt(float(b[0])) + np.float64(1)", 3.0),
        ("torch.allclose(a, a)", True),
        ("(lambda t: t.sum())(b)", 12.0),
    ],
)
def test_see_tensors_and_the_place(text: str, value: object) -> None:
    assert TensorExpression(text).value(_names()) == value


def test_inputs_beyond_the_alphabet_have_numbers() -> None:
    assert (input_name(0), input_name(25), input_name(26)) == ("a", "z", "in26")
    names = names_of_op([torch.tensor(float(n)) for n in range(30)], [])
    assert TensorExpression("in29 - z").number(names) == 4.0
    assert "out" not in names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("out.max( > 3", "no Python expression"),
        ("x = 3", "no Python expression"),
        ("out.mul_(2)", "in place by 'mul_'; use 'mul'"),
        ("torch.nn.init.zeros_(a)", "in place"),
        ("torch.add(a, a, out=a)", "'out='"),
        ("a.__setitem__(0, 1)", "in place"),
        ("out.max() > 1, step", "several expressions"),
        ("(" * 2000 + ")" * 2000, "no Python expression"),
    ],
)
def test_bad_ones_are_refused_before_they_run(text: str, says: str) -> None:
    with pytest.raises(BadInputError, match=says.replace("(", r"\(")) as caught:
        TensorExpression(text)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weight.max()", "'weight', which is not known here; there are a, b, ins, outs, out"),
        ("a @ a", "fails here: RuntimeError: "),
        ("out.nonsense", "AttributeError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_failure_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(BadInputError) as caught:
        TensorExpression(text).value(_names())
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_truth_needs_one_value() -> None:
    assert TensorExpression("out.max() > 11").truth(_names()) is True
    with pytest.raises(BadInputError, match=r"add \.any\(\) or \.all\(\)"):
        TensorExpression("out > 11").truth(_names())


@pytest.mark.parametrize(
    ("text", "number"),
    [("out[0]", 12.0), ("True", 1.0), ("a", None), ("'x'", None), ("np.ones(1)", 1.0), ("1j", None)],
)
def test_numbers_are_what_can_be_plotted(text: str, number: float | None) -> None:
    assert TensorExpression(text).number(_names()) == number


def test_random_numbers_leave_no_trace() -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    expected = (torch.rand(3), np.random.rand())
    torch.manual_seed(5)
    np.random.seed(5)
    TensorExpression("torch.rand(4).sum() + np.random.rand() + torch.nn.functional.dropout(a).sum()").value(
        _names()
    )
    assert torch.equal(torch.rand(3), expected[0])
    assert np.random.rand() == expected[1]


def test_no_graph_is_built() -> None:
    weight = torch.ones(3, requires_grad=True)
    assert not TensorExpression("a * 2").value({"a": weight}).requires_grad


def test_says_whether_outputs_are_needed() -> None:
    assert TensorExpression("sum(o.sum() for o in outs) > 0").uses_outputs
    assert not TensorExpression("a.max() > b.max()").uses_outputs
    assert TextTemplate("max {out.max()}").uses_outputs


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("step {step}: max {out.max():.1f}, {{braces}}", "step 3: max 12.0, {braces}"),
        ("{out.shape} {b.tolist()}", "torch.Size([2]) [4.0, 4.0, 4.0]"),
        ("{b}", "[4.0, 4.0, 4.0]"),
        ("{torch.zeros(9)}", "float32[9] on cpu"),
        ("it's {'a'}", "it's a"),
    ],
)
def test_logs_fill_in_values(text: str, line: str) -> None:
    assert TextTemplate(text).fill(_names()) == line


def test_a_log_says_what_fails_in_it() -> None:
    assert "not known here" in TextTemplate("{weight}").fill(_names())
    assert "can't be written as" in TextTemplate("{out:.2f}").fill(_names())
    with pytest.raises(BadInputError, match="can't be read"):
        TextTemplate("{out.max(")
