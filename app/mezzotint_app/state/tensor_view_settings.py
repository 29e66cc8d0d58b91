"""How tensors of one name are looked at: kind of view, slice, head, bars, difference."""

from __future__ import annotations

from dataclasses import dataclass, field

from mezzotint_app.state.number_pages import PAGE
from mezzotint_app.state.slice_index import ALL, SlicePicks
from mezzotint_sdk.debug_records import TensorView

__all__ = ["KINDS", "ViewSettings", "unavailable"]

KINDS = ("numbers", "heat_map", "histogram", "picture", "channels", "latent", "attention")
# How many trailing dimensions a kind shows: those before them are picked one by one.
SHOWN_DIMENSIONS = {"numbers": 2, "heat_map": 2, "picture": 3, "channels": 3, "latent": 3, "attention": 3}
# The longest side of what crosses: cells of a map, pixels of a picture.
MOST_CELLS = {"heat_map": 512, "attention": 512, "picture": 768, "channels": 768, "latent": 1024}


@dataclass
class ViewSettings:
    """Each number of shown dimensions has picks of its own, so that changing the kind forgets none."""

    kind: str = "numbers"
    slices: dict[int, SlicePicks] = field(default_factory=dict)  # by the number of dimensions shown
    head: int = 0
    bins: int = 64
    against: str = ""
    log_counts: bool = False

    def slice_picks(self, shape: tuple[int, ...] | None) -> SlicePicks:
        """Picks of the dimensions before those that the kind shows; `shape` None: not known yet."""
        shown = SHOWN_DIMENSIONS.get(self.kind, 0)  # a histogram is of all, or of any slice
        picks = self.slices.setdefault(shown, SlicePicks())
        if shape is not None:
            picks.fit(shape, max(0, len(shape) - shown), 0 if shown else ALL)
        return picks

    def view(self, shape: tuple[int, ...] | None) -> TensorView:
        """What is asked for; of numbers the first page."""
        side = MOST_CELLS.get(self.kind, PAGE)
        return TensorView(
            kind=self.kind,  # type: ignore[arg-type]
            index=self.slice_picks(shape).index,
            rows=side,
            columns=side,
            head=self.head,
            bins=self.bins,
            against=self.against,
        )


def unavailable(kind: str, shape: tuple[int, ...]) -> str:
    """Why a kind of view can't be had of a tensor of this shape, as a sentence; "" when it can."""
    dimensions, what = len(shape), f"it has {len(shape)}" if shape else "it has none"
    if kind == "attention" and dimensions < 2:
        return f"Attention maps need two dimensions, queries and keys; {what}."
    if kind == "picture" and dimensions < 2:
        return f"A picture needs two dimensions; {what}."
    if kind in ("channels", "latent") and dimensions < 3:
        return f"This needs channels, height and width; {what}."
    return ""
