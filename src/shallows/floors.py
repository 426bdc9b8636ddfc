"""A power law above a floor, ``a n^-b + c`` with ``c >= 0``, read from a curve by its profile likelihood.

At a given exponent `b` the level `a` is a mean and the floor `c` one number, searched on a grid of its logarithm. What
is left is a function of `b` alone, whose level sets are the interval of the exponent: it counts every floor that the
data cannot rule out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ._types import FloatArray
    from .curves import Points

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
    height : float
        Logarithm of what lies above the floor in the middle of the curve.
    loss, straight_loss : float
        Weighted squares of the logarithmic residuals, and the same without a floor.
    profile : Profile
    limit : float
        Largest loss that the intervals count as possible.
    """

    exponent: float
    interval: tuple[float, float]
    floor: float
    height: float
    loss: float
    straight_loss: float
    profile: Profile = field(repr=False)
    limit: float

    def value(self, x: float) -> float:
        """The best curve at `x`."""
        return self.floor + math.exp(self.height - self.exponent * (x - self.profile.middle))

    def value_interval(self, x: float) -> tuple[float, float]:
        """Interval of the curve's value at `x`, whatever its exponent and its floor are."""
        low, high = self.interval
        values = [self.value(x), *self.profile.values_within(self.limit, low, min(high, EXPONENTS[1]), x)]
        return min(values), max(values)

    @property
    def floor_interval(self) -> tuple[float, float]:
        """Interval of the floor, whatever the exponent is."""
        return self.value_interval(math.inf)

    def is_seen(self, points: Points, resolution: float) -> bool:
        """Whether the floor is there: at 5 %, and by more than `resolution` of the curve."""
        return floor_is_seen(self.straight_loss, self.loss, points, 3, resolution)


def floor_is_seen(without: float, loss: float, points: Points, terms: int, resolution: float) -> bool:
    """Whether a floor, as one of `terms` numbers, lowers the loss `without` it by more than chance and `resolution`."""
    gain, free = without - loss, points.x.size - terms
    if free < 1 or gain <= points.x.size * points.mean_weight * resolution**2:
        return False
    return gain > points.scatter.rise(0.9, loss, free)  # one-sided at 5 %, since a floor is not negative


class Profile:
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

    def values_at(self, exponent: float, limit: float, x: float) -> tuple[float, float]:
        """Smallest and largest value at `x` of curves whose loss at this exponent is at most `limit`.

        Not a number where none is; at ``x = inf`` the value is the floor.
        """
        above = math.exp(-exponent * (x - self.middle))
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
        values = (above + ratios[inside]) * np.exp(levels[inside] + np.array([[-1.0], [1.0]]) * room)
        return float(values[0].min()), float(values[1].max())

    def values_within(self, limit: float, low: float, high: float, x: float) -> list[float]:
        """Smallest and largest value at `x` of curves with exponents from `low` to `high`, losses at most `limit`."""
        found = []
        for end, worse in ((0, 1), (1, -1)):
            tried = np.geomspace(low, high, WITHIN)
            for _ in range(2):  # the second look is between the neighbours of the best
                ends = worse * np.array([self.values_at(float(b), limit, x)[end] for b in tried])
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


def fit_floor(points: Points, level: float) -> FloorFit:
    """Fit ``exp(y) = a exp(-b x) + c``.

    Parameters
    ----------
    points : Points
    level : float
        Of the intervals.
    """
    from scipy.optimize import brentq, minimize_scalar

    profile = Profile(points.x, points.y, points.weight)
    tried = np.geomspace(*EXPONENTS, TRIED)
    losses = np.array([profile.at(b)[0] for b in tried])
    k = int(np.argmin(losses))
    ends = float(tried[max(k - 1, 0)]), float(tried[min(k + 1, TRIED - 1)])
    done = minimize_scalar(lambda b: profile.at(b)[0], bounds=ends, method="bounded", options={"xatol": 1e-9})
    exponent = float(done.x) if done.fun <= losses[k] else float(tried[k])
    loss, floor, ratio = profile.at(exponent)
    straight = profile.straight()
    allowed = points.scatter.rise(level, loss, max(points.x.size - 3, 1))
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
    level_there = float(profile.losses(exponent, np.array([ratio]))[1][0])
    return FloorFit(exponent, (low, high), floor, level_there, loss, straight, profile, limit)
