from __future__ import annotations

import pytest

from mezzotint_sdk.errors import BadInputError
from mezzotint_sdk.job_spec import GenerateSpec, ModelRef
from mezzotint_sdk.setting_change import changed_spec, setting_text

SPEC = GenerateSpec(model=ModelRef(path="bundled:emoji-64"), dtype="float16", seed=7)


def test_one_setting_is_changed_and_no_other() -> None:
    other = changed_spec(SPEC, "dtype", " bfloat16 ")
    assert other.dtype == "bfloat16"
    assert changed_spec(other, "dtype", "float16") == SPEC
    assert changed_spec(SPEC, "threads", "2").threads == 2
    assert changed_spec(SPEC, "device", "cuda:1").device == "cuda:1"


def test_what_is_chosen_for_the_user_is_auto() -> None:
    assert [setting_text(SPEC, name) for name in ("dtype", "threads", "device", "scheduler")] == [
        "float16", "auto", "auto", "auto",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("steps", "3", "'steps' can't be compared"),
        ("attention", "math", "'attention' can't be compared"),
        ("dtype", "int4", "is no dtype"),
        ("dtype", "auto", "is no dtype"),
        ("threads", "0", "is no number of threads"),
        ("threads", "two", "is no number of threads"),
        ("device", " ", "Say which device"),
        ("dtype", "float16", "has dtype=float16 already"),
    ],
)
def test_what_can_not_be_compared_is_told(setting: str, value: str, told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        changed_spec(SPEC, setting, value)
