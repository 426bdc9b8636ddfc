"""The diagonal network's unbiased weights: by rank, over the largest that noise alone would give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named
from .explained import explain
from .style import BLUE, GREEN, GREY, VERMILLION
from .unbiased import UNBIASED_FIGURES, UnbiasedFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_ranks(axes: Axes, content: dict[str, Any], unbiased: Any) -> None:
    """Sizes of the unbiased weights by rank, the reach of the noise, and the fitted teacher."""
    scale = content["noise_scale"]
    values = np.sort(np.abs(np.asarray(unbiased)))[::-1]
    rank = np.arange(1, values.size + 1)
    reach = network_named("diagonal").noise_edge(scale, values.size)
    axes.loglog(rank, np.maximum(values, scale * 1e-2), "o", ms=3, color=BLUE, label="unbiased weights")
    axes.axhline(reach, color=VERMILLION, lw=1.2, label="largest expected from noise alone")
    axes.axhline(content["threshold"], color=GREY, ls=":", label="threshold ζ: larger ones are learned")
    law = content["power_law"]
    if law is not None:
        shape = rank ** -law["gamma"]["value"] if isinstance(law["gamma"], dict) else rank
        size = np.sqrt(law["energy"]["value"] / (shape @ shape))
        axes.loglog(rank, size * shape, color=GREEN, label=f"fitted teacher, γ = {law['gamma']['value']:.2f}")
    axes.set_ylim(bottom=scale * 0.1)
    axes.set_xlabel("rank of the weight")
    axes.set_ylabel("size of the weight")
    explain(axes, most=2)


UNBIASED_FIGURES.register("diagonal")(
    UnbiasedFigure(
        draw_ranks,
        "Unbiased weights, teacher plus normal noise of known scale, by size. Those above the red line cannot "
        "be explained by noise alone.",
    )
)
