"""A power law above a floor, ``a n^-b + c`` with ``c >= 0``, read from a curve by its profile likelihood.

At a given exponent `b` the level `a` is a mean and the floor `c` one number, searched on a grid of its logarithm. What
is left is a function of `b` alone, whose level sets are the interval of the exponent: it counts every floor that the
data cannot rule out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ._types import FloatArray

#: Exponents searched, and how many are tried first.
EXPONENTS, TRIED = (1e-3, 8.0), 160
#: Floors over the power law in the middle of the curve, and how many are tried; each further look goes this much finer.
FLOORS, GRID, LOOKS = (1e-7, 1e5), 100, 5
#: Exponents at which the ends of the floor's interval are sought, each over this range of its logarithm (or a tenth, a
#: hundredth, ... of it) in this many steps.
WITHIN, REACH, STEPS = 20, 4.0, 401
#: Departures of this size (in the logarithm) are rounding.
ROUNDING = 1e-6


@dataclass(frozen=True)
class FloorFit:
    """The best power law above a floor.

    Attributes
    ----------
    exponent : float
        ``b >= 0``.
    interval : (float, float)
        Of the exponent, the floor being anything ``>= 0``; the upper end is infinite where it leaves the search.
    floor : float
        ``c``.
    floor_interval : (float, float)
    loss, straight_loss : float
        Weighted squares of the logarithmic residuals, and the same without a floor.
    """

    exponent: float
    interval: tuple[float, float]
    floor: float
    floor_interval: tuple[float, float]
    loss: float
    straight_loss: float

    def is_seen(self, count: int, known: bool, resolution: float, mean_weight: float) -> bool:
        """Whether the floor is there: at 5 %, and by more than `resolution` of the curve."""
        from scipy.stats import chi2, f

        gain, free = self.straight_loss - self.loss, count - 3
        if free < 1 or gain <= count * mean_weight * resolution**2:
            return False
        spread = self.loss / free
        if known:  # one-sided, since a floor is not negative
            return bool(gain > float(chi2.ppf(0.9, 1)) * max(spread, 1.0))
        return bool(gain > float(f.ppf(0.9, 1, free)) * spread)


class _Profile:
    """Loss as a function of the exponent, with the floor that goes with it."""

    def __init__(self, x: FloatArray, y: FloatArray, weight: FloatArray) -> None:
        self.share = weight**2 / float(np.sum(weight**2))
        self.middle = float(self.share @ x)
        self.x, self.y, self.total = x - self.middle, y, float(np.sum(weight**2))

    def losses(self, exponent: float, ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Losses at floors of these `ratios` to the power law in the middle, and the logarithms of its level there."""
        miss = self.y - np.log(np.exp(-exponent * self.x) + ratios[:, None])
        level = miss @ self.share
        return self.total * (np.square(miss - level[:, None]) @ self.share), level

    def at(self, exponent: float) -> tuple[float, float, float]:
        """Smallest loss at this exponent, the floor there, and its ratio to the power law in the middle."""
        grid = np.linspace(math.log(FLOORS[0]), math.log(FLOORS[1]), GRID)
        ratios = np.concatenate([[0.0], np.exp(grid)])
        losses, level = self.losses(exponent, ratios)
        best = int(np.argmin(losses))
        found = float(losses[best]), float(ratios[best] * np.exp(level[best])), float(ratios[best])
        step = grid[1] - grid[0]
        for _ in range(LOOKS if best else 0):
            ratios = ratios[best] * np.exp(np.linspace(-step, step, 21))
            losses, level = self.losses(exponent, ratios)
            best, step = int(np.argmin(losses)), step / 10
            here = float(losses[best]), float(ratios[best] * np.exp(level[best])), float(ratios[best])
            found = min(found, here)
        return found

    def floors_at(self, exponent: float, limit: float) -> tuple[float, float]:
        """Smallest and largest floor whose loss at this exponent is at most `limit`; not a number where none is."""
        ratio, reach = max(self.at(exponent)[2], FLOORS[0]), REACH
        for _ in range(LOOKS):
            ratios = np.concatenate([[0.0], ratio * np.exp(np.linspace(-reach, reach, STEPS))])
            losses, levels = self.losses(exponent, ratios)
            inside = losses <= limit
            if int(np.sum(inside)) > STEPS // 20:
                break
            reach /= 10
        if not np.any(inside):
            return math.nan, math.nan
        # the loss grows with the square of the level's distance from the best one for the ratio
        room = np.sqrt((limit - losses[inside]) / self.total)
        floors = ratios[inside] * np.exp(levels[inside] + np.array([[-1.0], [1.0]]) * room)
        return float(floors[0].min()), float(floors[1].max())

    def floors_within(self, limit: float, low: float, high: float) -> list[float]:
        """Smallest and largest floor whose loss, at any exponent from `low` to `high`, is at most `limit`."""
        found = []
        for end, worse in ((0, 1), (1, -1)):
            tried = np.geomspace(low, high, WITHIN)
            for _ in range(2):  # the second look is between the neighbours of the best
                ends = worse * np.array([self.floors_at(float(b), limit)[end] for b in tried])
                if np.all(np.isnan(ends)):
                    break
                best = int(np.nanargmin(ends))
                found.append(float(worse * ends[best]))
                tried = np.linspace(tried[max(best - 1, 0)], tried[min(best + 1, tried.size - 1)], WITHIN)
        return found

    def straight(self) -> float:
        """Smallest loss without a floor."""
        centred = self.y - float(self.share @ self.y)
        slope = float(self.share @ (self.x * centred)) / float(self.share @ self.x**2)
        return self.total * float(self.share @ np.square(centred - slope * self.x))


def fit_floor(x: FloatArray, y: FloatArray, weight: FloatArray, known: bool, level: float) -> FloorFit:
    """Fit ``exp(y) = a exp(-b x) + c``.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        Logarithms of the number of samples and of the curve.
    weight : ndarray, shape (m,)
        One over the standard errors of `y`, or ones where they are not known.
    known : bool
        Whether they are.
    level : float
        Of the intervals.
    """
    from scipy.optimize import brentq, minimize_scalar
    from scipy.stats import chi2, f

    profile = _Profile(x, y, weight)
    tried = np.geomspace(*EXPONENTS, TRIED)
    losses = np.array([profile.at(b)[0] for b in tried])
    k = int(np.argmin(losses))
    ends = float(tried[max(k - 1, 0)]), float(tried[min(k + 1, TRIED - 1)])
    done = minimize_scalar(lambda b: profile.at(b)[0], bounds=ends, method="bounded", options={"xatol": 1e-9})
    exponent = float(done.x) if done.fun <= losses[k] else float(tried[k])
    loss, floor, _ = profile.at(exponent)
    straight = profile.straight()
    free = max(x.size - 3, 1)
    if known:
        allowed = float(chi2.ppf(level, 1)) * max(loss / free, 1.0)
    else:
        allowed = float(f.ppf(level, 1, free)) * loss / free
    limit = loss + allowed + profile.total * ROUNDING**2

    def excess(b: float) -> float:
        return profile.at(b)[0] - limit

    inside = losses <= limit
    low = next((float(b) for b, good in zip(tried, inside, strict=True) if good), exponent)
    high = next((float(b) for b, good in zip(tried[::-1], inside[::-1], strict=True) if good), exponent)
    low, high = min(low, exponent), max(high, exponent)
    below, above = tried[tried < low], tried[tried > high]
    low = float(brentq(excess, below[-1], low)) if below.size and excess(low) < 0 < excess(below[-1]) else low
    if above.size:
        high = float(brentq(excess, high, above[0])) if excess(high) < 0 < excess(above[0]) else high
    else:
        high = math.inf
    floors = [floor, *profile.floors_within(limit, low, min(high, EXPONENTS[1]))]
    return FloorFit(exponent, (low, high), floor, (min(floors), max(floors)), loss, straight)
