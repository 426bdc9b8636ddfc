"""Parts of figures of learned spectra: the predicted density, and which ranks to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .style import BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

#: Ranks that are drawn: all up to here, then evenly on the logarithmic axis.
MOST_RANKS = 60
#: Points of a curve.
GRID = 500


def draw_learned_density(axes: Axes, law: Any, low: float, high: float) -> float:
    """Draw the continuous part of the law of the learned weights.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    law : LearnedLaw
    low, high : float
        Ends of what is in sight.

    Returns
    -------
    float
        Greatest height in sight, 0 if there is nothing to draw.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> from shallows.plotting import draw_learned_density, new_figure
    >>> law = predict(Problem("quadratic", PowerLaw(50, 1.25), samples=2000, noise=0.5), weight_decay=0.01).spectrum
    >>> axes = new_figure(3.0, 2.0).subplots()
    >>> draw_learned_density(axes, law, 0.0, 1.2 * law.bulk[1]) > 0
    True
    >>> [line.get_label() for line in axes.get_lines()][0]
    'predicted bulk'
    """
    if law.noise_scale == 0.0:
        return 0.0
    if law.problem.architecture.sharp_bulk:
        return _draw_sharp_bulk(axes, law, high)
    return _draw_both_signs(axes, law, low, high)


def _draw_sharp_bulk(axes: Axes, law: Any, high: float) -> float:
    if law.bulk is None:
        return 0.0
    bottom, top = law.bulk[0], min(law.bulk[1], high)
    # Denser towards both ends: the density ends like a square root.
    points = bottom + (top - bottom) * 0.5 * (1 - np.cos(np.linspace(0, np.pi, GRID)))
    heights = law.density(points)
    points, heights = points[1:-1], heights[1:-1]
    # In one piece with the outliers where no gap parts them; else down to zero.
    rest = np.linspace(top, high, 4 * GRID)
    beyond = law.density(rest) if top < high else np.zeros(rest.size)
    axes.plot(np.append(points, top), np.append(heights, beyond[0]), color=BLUE, label="predicted bulk")
    if beyond.any():
        axes.plot(rest, beyond, color=VERMILLION, linewidth=0.9, label="predicted outliers (▾ positions)")
    return float(heights.max())


def _draw_both_signs(axes: Axes, law: Any, low: float, high: float) -> float:
    best = 0.0
    sides = [(max(low, 1e-9 * high), high)] + ([(low, -1e-9 * high)] if low < 0 else [])
    for k, (a, b) in enumerate(sides):
        points = np.linspace(a, b, GRID)
        heights = law.density(points)
        axes.plot(points, heights, color=BLUE, label="predicted density" if k == 0 else None)
        best = max(best, float(heights.max()))
    return best


def shown_ranks(count: int) -> NDArray[np.int64]:
    """Ranks from 1 to `count` to draw: at most about twice ``MOST_RANKS``.

    Examples
    --------
    >>> from shallows.plotting import shown_ranks
    >>> shown_ranks(4)
    array([1, 2, 3, 4])
    >>> shown_ranks(10**6).size < 120
    True
    """
    if count <= MOST_RANKS:
        return np.arange(1, count + 1)
    return np.unique(np.round(np.geomspace(1, count, MOST_RANKS)).astype(np.int64))
