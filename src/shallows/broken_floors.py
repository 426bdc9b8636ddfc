"""A power law that turns into another one above a floor, read from a curve by variable projection over many starts.

On logarithmic axes the level of the curve is a mean of residuals, so that two exponents, the break and the ratio of the
floor to the level are left: Gauss-Newton steps with damping go from many starts at once and keep the best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .curves import POINTS_PER_SEGMENT

if TYPE_CHECKING:
    from ._types import FloatArray
    from .curves import Points

#: Where the search starts: exponents before and after the break, floors over the level at the break.
BEFORE, AFTER, RATIOS = (0.0, 0.3, 0.7, 1.2), (0.3, 0.7, 1.2, 2.0), (0.003, 0.03, 0.3, 1.0)
#: Breaks tried at first, starts that are followed, and steps of each.
BREAKS, FOLLOWED, STEPS = 10, 40, 60
#: Steepest exponent either way, shallowest above the floor, and the range of floors over the level at the break.
STEEPEST, SHALLOWEST, SMALLEST, LARGEST = 8.0, 1e-3, 1e-7, 1e5


@dataclass(frozen=True)
class BrokenFloor:
    """The best broken power law above a floor.

    Attributes
    ----------
    before, after : float
        Exponents ``b`` of ``n^-b``.
    at : float
        Logarithm of `n` at the break.
    floor, height : float
        ``c``, and the logarithm of what lies above it at the break.
    loss : float
        Weighted squares of the logarithmic residuals.
    """

    before: float
    after: float
    at: float
    floor: float
    height: float
    loss: float

    def logarithms(self, x: FloatArray) -> FloatArray:
        """Logarithm of the curve at `x`."""
        past = x - self.at
        falling = np.where(past < 0, self.before, self.after) * past
        return np.asarray(np.log(np.exp(self.height - falling) + self.floor), dtype=float)


def _residuals(
    numbers: FloatArray, x: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted residuals of shape (starts, m), their derivatives, levels; `numbers` are (b1, b2, break, log ratio)."""
    before, after, at, ratio = (numbers[:, [k]] for k in range(4))
    past = x - at
    early = past < 0
    above, floor = np.exp(-np.where(early, before, after) * past), np.exp(ratio)
    share, weights = above / (above + floor), weight**2 / np.sum(weight**2)
    miss = y - np.log(above + floor)
    levels = miss @ weights
    slopes = np.stack(
        [
            -np.where(early, past, 0.0) * share,
            -np.where(early, 0.0, past) * share,
            np.where(early, before, after) * share,
            1 - share,
        ],
        axis=-1,
    )
    slopes = slopes - np.einsum("m,smk->sk", weights, slopes)[:, None, :]  # the level takes up the mean
    return weight * (miss - levels[:, None]), weight[:, None] * slopes, levels


def descend(numbers: FloatArray, x: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Least squares from every row of `numbers`, for one curve or one each: where they end, and the losses there."""
    m = POINTS_PER_SEGMENT
    low = np.array([-STEEPEST, SHALLOWEST, x[m - 1], math.log(SMALLEST)])
    high = np.array([STEEPEST, STEEPEST, x[-m], math.log(LARGEST)])
    numbers, damping = np.clip(numbers, low, high), np.full(len(numbers), 1e-2)
    residuals, slopes, _ = _residuals(numbers, x, y, weight)
    losses = np.sum(residuals**2, axis=1)
    for _ in range(STEPS):
        square = np.einsum("smk,sml->skl", slopes, slopes)
        scale = np.einsum("skk->sk", square) + 1e-12
        square = square + damping[:, None, None] * scale[:, :, None] * np.eye(4)
        step = np.linalg.solve(square, np.einsum("smk,sm->sk", slopes, residuals)[:, :, None])[:, :, 0]
        trial = np.clip(numbers + step, low, high)
        new_residuals, new_slopes, _ = _residuals(trial, x, y, weight)
        new_losses = np.sum(new_residuals**2, axis=1)
        better = new_losses < losses
        if not better.any() and (damping > 1e6).all():
            break
        numbers = np.where(better[:, None], trial, numbers)
        residuals = np.where(better[:, None], new_residuals, residuals)
        slopes = np.where(better[:, None, None], new_slopes, slopes)
        losses = np.where(better, new_losses, losses)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-9, 1e9)
    return numbers, losses


def fit_broken_floor(points: Points) -> BrokenFloor | None:
    """The best broken power law above a floor; None for curves too short for two pieces."""
    x, y, weight = points.x, points.y, points.weight
    if x.size < 2 * POINTS_PER_SEGMENT:
        return None
    m = POINTS_PER_SEGMENT
    breaks = np.linspace(x[m - 1], x[-m], BREAKS)
    starts = np.array(np.meshgrid(BEFORE, AFTER, breaks, np.log(RATIOS))).reshape(4, -1).T
    losses = np.sum(_residuals(starts, x, y, weight)[0] ** 2, axis=1)
    ends, losses = descend(starts[np.argsort(losses)[:FOLLOWED]], x, y, weight)
    best = ends[[int(np.argmin(losses))]]
    level = float(_residuals(best, x, y, weight)[2][0])
    before, after, at, ratio = (float(v) for v in best[0])
    return BrokenFloor(before, after, at, math.exp(level + ratio), level, float(losses.min()))


def resampled(
    found: BrokenFloor, points: Points, spread: FloatArray, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """First exponents and breaks of `count` curves drawn around the best one, each of shape (count,)."""
    curves = found.logarithms(points.x) + spread * rng.standard_normal((count, points.x.size))
    start = np.array([found.before, found.after, found.at, math.log(max(found.floor, 1e-300)) - found.height])
    ends, _ = descend(np.tile(start, (count, 1)), points.x, curves, points.weight)
    return ends[:, 0], ends[:, 2]
