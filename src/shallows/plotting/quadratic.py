"""The quadratic network's unbiased weights: a histogram of eigenvalues over the semicircle of the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLUE, GREY, SKY, VERMILLION
from .unbiased import UNBIASED_FIGURES, UnbiasedFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_eigenvalues(axes: Axes, content: dict[str, Any], eigenvalues: Any) -> None:
    """Eigenvalues of the unbiased matrix, the semicircle of its noise, and the modes recovered."""
    scale = content["noise_scale"]
    values = np.asarray(eigenvalues)
    grid = np.linspace(-2 * scale, 2 * scale, 400)
    axes.hist(values, bins=_bins(values), density=True, color=SKY, label="unbiased eigenvalues")
    density = np.sqrt(np.maximum(4 * scale**2 - grid**2, 0)) / (2 * np.pi * scale**2)
    axes.plot(grid, density, color=VERMILLION, label="noise alone (semicircle)")
    axes.axvline(content["threshold"], color=GREY, ls=":", label="threshold ζ: larger ones are learned")
    modes = content["modes"]
    for i, mode in enumerate(modes["modes"] if modes else []):
        label = "recovered modes" if i == 0 else None
        axes.plot(mode["position"], 0, "v", color=BLUE, ms=6, clip_on=False, label=label)
    axes.set_xlabel("eigenvalue of U")
    axes.set_ylabel("density")
    axes.legend(loc="upper right")


def _bins(values: Any) -> Any:
    half = max(float(np.ptp(values)), 1e-3 * float(np.abs(values).max(initial=0.0))) / 2 or 0.5  # of one value, too
    middle = (values.min() + values.max()) / 2
    return np.linspace(middle - half, middle + half, max(20, int(4 * np.sqrt(values.size))))


UNBIASED_FIGURES.register("quadratic")(
    UnbiasedFigure(
        draw_eigenvalues,
        "Eigenvalues of the unbiased matrix U = teacher + noise. What lies beyond the semicircle is signal; the "
        "trained network keeps what lies beyond the threshold.",
    )
)
