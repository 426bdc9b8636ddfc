"""Parts of figures of learned spectra: the predicted density, and which ranks to draw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import number
from .explained import explain
from .style import BLUE, GREY, GRID, VERMILLION
from .ticks import plain_log_ticks, rank_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

#: Ranks that are drawn: all up to here, then evenly on the logarithmic axis.
MOST_RANKS = 60
#: Largest dimension at which the teacher's modes are drawn one by one.
MOST_SORTED = 10**6
#: Points of a curve.
CURVE_POINTS = 500


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
    points = bottom + (top - bottom) * 0.5 * (1 - np.cos(np.linspace(0, np.pi, CURVE_POINTS)))
    heights = law.density(points)
    points, heights = points[1:-1], heights[1:-1]
    # In one piece with the outliers where no gap parts them; else down to zero.
    rest = np.linspace(top, high, 4 * CURVE_POINTS)
    beyond = law.density(rest) if top < high else np.zeros(rest.size)
    axes.plot(np.append(points, top), np.append(heights, beyond[0]), color=BLUE, label="predicted bulk")
    if beyond.any():
        axes.plot(rest, beyond, color=VERMILLION, linewidth=0.9, label="predicted outliers: density")
    return float(heights.max())


def _draw_both_signs(axes: Axes, law: Any, low: float, high: float) -> float:
    best = 0.0
    sides = [(max(low, 1e-9 * high), high)] + ([(low, -1e-9 * high)] if low < 0 else [])
    for k, (a, b) in enumerate(sides):
        points = np.linspace(a, b, CURVE_POINTS)
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


def mark_outliers(axes: Axes, law: Any, low: float, high: float) -> None:
    """Marks where the learned modes are predicted, between `low` and `high`, where each is seen by itself."""
    marks = [o.learned for o in law.outliers if low <= o.learned <= high]
    if law.problem.architecture.sharp_bulk and marks:
        axes.plot(
            marks,
            [0.035] * len(marks),
            transform=axes.get_xaxis_transform(),
            linestyle="none",
            marker="v",
            markersize=5,
            color=VERMILLION,
            markeredgewidth=0,
            label="predicted outliers: positions",
            zorder=4,
        )


def draw_law(axes: Axes, law: Any) -> None:
    """The law of the learned weights near its bulk: density, learned modes, and the share that is exactly zero.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    law : LearnedLaw
    """
    places = sorted(o.learned for o in law.outliers)
    top = 1.45 * law.bulk[1] if law.bulk is not None else 0.0
    top = max(top, 1.2 * places[len(places) // 2] if places else 0.0) or law.noise_scale or 1.0
    low = 0.0 if law.problem.architecture.is_matrix else -top
    height = draw_learned_density(axes, law, low, top) or 1.0
    mark_outliers(axes, law, low, top)
    axes.set_xlim(low, top)
    axes.set_ylim(0, 1.08 * height)
    words = f"exactly zero: {100 * law.mass_at_zero:.3g} %"
    beyond = sum(o.multiplicity for o in law.outliers if o.learned > top)
    if round(beyond):
        words += f"; larger than shown: {number(round(beyond))}"
    axes.set_xlabel(as_inputs_show(law.problem, law.problem.architecture.words.quantity))
    axes.set_ylabel("density (zeros left out)")
    explain(axes, words, most=2)


def draw_ranks_of_law(axes: Axes, law: Any) -> None:
    """Predicted size of each learned weight by rank, and the teacher's."""
    count = max(min(math.ceil(law.problem.dim * (1 - law.mass_at_zero) - 1e-9), law.problem.dim), 1)
    ranks = shown_ranks(count)
    places = draw_law_by_rank(axes, law, ranks)
    teacher = np.zeros(0)
    if law.problem.dim <= MOST_SORTED:
        teacher = np.sort(np.abs(law.problem.teacher.values(law.problem.network)))[::-1][ranks - 1]
        kept = teacher > 0
        axes.plot(ranks[kept], teacher[kept], color=GREY, linestyle=(0, (3, 2)), linewidth=1.0, label="teacher")
    dress_rank_axes(axes, law.problem, [places[places > 0], teacher[teacher > 0]], count)
    explain(axes, most=3)


def draw_law_by_rank(axes: Axes, law: Any, ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw where theory has each rank, and return it."""
    sharp = law.problem.architecture.sharp_bulk
    places = law.rank_positions(np.asarray(ranks, dtype=float))
    positive = places > 0
    # Beyond a sharp edge each mode is an outlier by itself; without one the law goes through all ranks.
    outliers = positive & (ranks <= round(law.outlier_count)) if sharp else positive & False
    label = "predicted bulk" if sharp else "predicted rank by rank"
    rest = positive & ~outliers
    if rest.any():
        axes.plot(ranks[rest], places[rest], color=BLUE, linewidth=1.4, label=label)
    if outliers.any():
        axes.plot(
            ranks[outliers],
            places[outliers],
            linestyle="none",
            marker="v",
            markersize=6.5,
            markerfacecolor="none",
            markeredgecolor=VERMILLION,
            markeredgewidth=1.1,
            label="predicted outliers",
            zorder=4,
        )
    return places


def as_inputs_show(problem: Any, quantity: str) -> str:
    """The name of a weight for an axis, which says where that is one of the whitened weights."""
    return quantity if problem.design.is_white else f"{quantity}, inputs whitened"


def dress_rank_axes(axes: Axes, problem: Any, shown: list[Any], count: int) -> None:
    """Scales, ticks and names for sizes by rank."""
    axes.set_xscale("log")
    values = np.concatenate([v[v > 0] for v in shown]) if any(len(v) for v in shown) else np.array([1.0])
    low = max(float(values.min()), float(values.max()) * 3e-4)
    axes.set_yscale("log")
    axes.set_ylim(low / 1.5, float(values.max()) * 1.6)
    plain_log_ticks(axes.yaxis, low / 1.5, float(values.max()) * 1.6)
    axes.set_xlim(0.85, max(1.2 * count, 3))
    rank_ticks(axes.xaxis, count)
    axes.set_xlabel("rank, largest first")
    words = problem.architecture.words
    axes.set_ylabel(as_inputs_show(problem, words.size))
    axes.set_title(f"All learned {words.weights}")
    axes.grid(**GRID)
