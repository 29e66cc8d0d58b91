"""Settings as lines: all that differs is told."""

from __future__ import annotations

import msgspec

from mezzotint_app.state.spec_facts import model_name, spec_differences, spec_facts
from mezzotint_sdk.job_spec import GenerateSpec, ImageValue, ModelRef, PluginRef
from tests.app.app_records import spec


def test_facts_name_each_setting() -> None:
    facts = dict(spec_facts(spec(steps=9, seed=5, width=32, height=48, extra={"eta": 0.5})))
    assert facts["Model"] == "emoji-64"
    assert (facts["Size"], facts["Steps"], facts["Seed"], facts["eta"]) == ("32 × 48", "9", "5", "0.5")
    assert "Strength" not in facts


def test_model_names() -> None:
    assert model_name(spec()) == "emoji-64"
    assert model_name(GenerateSpec(model=ModelRef(path="/models/sd-turbo/"))) == "sd-turbo"


def test_every_field_that_differs_is_told() -> None:
    base = spec(prompt="a")
    changes = {
        "model": ModelRef(path="/other"),
        "mode": "image_to_image",
        "prompt": "b",
        "negative_prompt": "c",
        "steps": 3,
        "guidance_scale": 2.5,
        "seed": 9,
        "width": 128,
        "scheduler": "DDIMScheduler",
        "device": "cpu",
        "dtype": "float16",
        "attention": "math",
        "threads": 2,
        "extra": {"eta": 1.0},
        "plugins": (PluginRef("p", "1"),),
    }
    for name, value in changes.items():
        other = msgspec.structs.replace(base, **{name: value})
        assert spec_differences(base, other), name
    assert spec_differences(base, base) == []
    start = msgspec.structs.replace(base, mode="image_to_image", image=ImageValue("a" * 64), strength=0.3)
    other = msgspec.structs.replace(start, image=ImageValue("b" * 64), strength=0.4)
    assert [title for title, _, _ in spec_differences(start, other)] == ["Strength", "Start picture"]
