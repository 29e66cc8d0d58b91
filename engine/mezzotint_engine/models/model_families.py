"""Which pipelines Mezzotint draws with.

By the class that a folder's model_index.json names. No torch here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAMILIES", "ModelFamily", "family_of"]

MODES = ("text_to_image", "image_to_image", "inpaint")

# What the Stable Diffusion pipelines take (diffusers: `pipe.scheduler.compatibles`).
KARRAS_SCHEDULERS = (
    "DDIMScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSDEScheduler",
    "DPMSolverSinglestepScheduler",
    "EDMEulerScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LMSDiscreteScheduler",
    "PNDMScheduler",
    "UniPCMultistepScheduler",
)
FLOW_SCHEDULERS = ("FlowMatchEulerDiscreteScheduler",)


@dataclass(frozen=True)
class ModelFamily:
    """Pipelines that share their parts: the same folder draws from text, from a picture, or within a mask.

    `denoiser` is the component whose steps are counted; `classes` are diffusers' class names by mode.
    """

    name: str
    denoiser: str
    classes: dict[str, str]
    schedulers: tuple[str, ...]
    default_size: int  # where the configuration doesn't say
    default_steps: int
    default_guidance: float

    @property
    def modes(self) -> tuple[str, ...]:
        return tuple(mode for mode in MODES if mode in self.classes)


def _classes(stem: str) -> dict[str, str]:
    return {
        "text_to_image": f"{stem}Pipeline",
        "image_to_image": f"{stem}Img2ImgPipeline",
        "inpaint": f"{stem}InpaintPipeline",
    }


FAMILIES = (
    ModelFamily("sd", "unet", _classes("StableDiffusion"), KARRAS_SCHEDULERS, 512, 20, 5.0),
    ModelFamily("sdxl", "unet", _classes("StableDiffusionXL"), KARRAS_SCHEDULERS, 1024, 25, 5.0),
    ModelFamily("sd3", "transformer", _classes("StableDiffusion3"), FLOW_SCHEDULERS, 1024, 28, 5.0),
    ModelFamily("flux", "transformer", _classes("Flux"), FLOW_SCHEDULERS, 1024, 28, 3.5),
)

_BY_CLASS = {name: family for family in FAMILIES for name in family.classes.values()}


def family_of(pipeline_class: str) -> ModelFamily | None:
    return _BY_CLASS.get(pipeline_class)
