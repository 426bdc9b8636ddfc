"""The quadratic network's unbiased weights: a histogram of eigenvalues over the semicircle of the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .explained import explain
from .style import BLUE, GREY, SKY, VERMILLION
from .unbiased import UNBIASED_FIGURES, UnbiasedFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: Bins across the semicircle, where there are eigenvalues enough to fill them.
BULK_BINS = (10, 60)
#: The axis ends at this many times the edge of the semicircle; what lies beyond is counted.
FARTHEST = 4.0


def draw_eigenvalues(axes: Axes, content: dict[str, Any], eigenvalues: Any) -> None:
    """Eigenvalues of the unbiased matrix, the semicircle of its noise, and the modes recovered."""
    scale = content["noise_scale"]
    values = np.asarray(eigenvalues)
    low, high = _in_sight(values, scale)
    width = _bin_width(values, scale)
    edges = low + width * np.arange(int(np.ceil((high - low) / width)) + 1)
    counts, _ = np.histogram(values, edges)
    # A density of all eigenvalues, those out of sight included.
    axes.stairs(counts / (values.size * width), edges, fill=True, color=SKY, label="unbiased eigenvalues")
    angle = np.linspace(-np.pi / 2, np.pi / 2, 400)  # dense at the edges, where the semicircle is steep
    x, height = 2 * scale * np.sin(angle), np.cos(angle) / (np.pi * scale)
    axes.plot(x, height, color=VERMILLION, label="noise alone (semicircle)")
    axes.axvline(content["threshold"], color=GREY, ls=":", label="threshold ζ: larger ones are learned")
    modes = content["modes"]
    found = [mode["position"] for mode in (modes["modes"] if modes else []) if mode["position"] <= high]
    if found:
        axes.plot(found, [0] * len(found), "v", color=BLUE, ms=6, clip_on=False, ls="none", label="recovered modes")
    axes.set_xlim(low, high)
    beyond = int((values > high).sum())
    axes.set_xlabel("eigenvalue of U" + (f" ({beyond} larger than shown)" if beyond else ""))
    axes.set_ylabel("density")
    explain(axes, most=2)


def _in_sight(values: Any, scale: float) -> tuple[float, float]:
    """Ends of the axis: all eigenvalues, unless they leave the bulk no room."""
    low, high = min(float(values.min()), -2.1 * scale), max(float(values.max()) * 1.03, 2.1 * scale)
    return low, min(high, FARTHEST * 2 * scale)


def _bin_width(values: Any, scale: float) -> float:
    inside = int((np.abs(values) <= 2 * scale).sum())
    return float(4 * scale / np.clip(int(2 * np.sqrt(inside)), *BULK_BINS))


UNBIASED_FIGURES.register("quadratic")(
    UnbiasedFigure(
        draw_eigenvalues,
        "Eigenvalues of the unbiased matrix U = teacher + noise. What lies beyond the semicircle is signal; the "
        "trained network keeps what lies beyond the threshold.",
    )
)
