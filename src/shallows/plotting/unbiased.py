"""What was learned from a user's data: unbiased weights beside the noise in them, drawn for each network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..networks import Capability

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class UnbiasedFigure:
    """How a network's unbiased weights are shown.

    Attributes
    ----------
    draw : callable
        Draws, on axes, what a dictionary says of a fit (``noise_scale``, ``threshold``, ``power_law``, ``modes``) and
        its unbiased weights, shape (d,); of a matrix, the eigenvalues.
    caption : str
    """

    draw: Callable[[Axes, dict[str, Any], Any], None]
    caption: str


#: For each network, the figure of its unbiased weights.
UNBIASED_FIGURES: Capability[UnbiasedFigure] = Capability("figure of unbiased weights")
