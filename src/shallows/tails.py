"""The last power law of a curve: what lies beyond the largest `n`, and which further run would tell most."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ._display import Displayed, Summary
from .curve_rows import beyond_row
from .curves import POINTS_PER_SEGMENT, Points, Scatter
from .floors import fit_floor

if TYPE_CHECKING:
    from ._types import FloatArray

#: How far beyond the largest `n` curves are extrapolated, and runs suggested: as far as coverage was measured.
FARTHEST = 10.0
#: A predicted value whose interval spans a larger factor than this says nothing.
WIDEST = 4.0
#: Which share of the points, the later ones, is read by itself as well: where no break was seen, and after one.
LATER, LATER_BROKEN = 0.5, 0.75
#: The intervals of that second reading, in parts of those of the first: both together then cover at the level.
NARROWER = 0.75
#: Places tried for a further run.
PLACES = 13


@dataclass(frozen=True, repr=False)
class Extrapolation(Displayed):
    """What a curve comes to beyond its largest `n`.

    Attributes
    ----------
    n : float
    value : float or None
        None where nothing useful can be said.
    interval : (float, float) or None
        Confidence interval of the curve there; a single run scatters around the curve as the others do.
    reason : str
        Why there is no value; else empty.

    Examples
    --------
    >>> from shallows.tails import Extrapolation
    >>> Extrapolation(1e4, 0.01, (0.008, 0.012), "").to_dict()["interval"]
    [0.008, 0.012]
    """

    n: float
    value: float | None
    interval: tuple[float, float] | None
    reason: str

    def _summary(self) -> Summary:
        n, value, rest = beyond_row(self)
        return Summary("Extrapolation", [("curve", value, rest), ("n", n)])

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        interval = None if self.interval is None else list(self.interval)
        return {"n": self.n, "value": self.value, "interval": interval, "reason": self.reason}


@dataclass(frozen=True, repr=False)
class NextRun(Displayed):
    """Which further run would tell most about a number.

    Attributes
    ----------
    of : {"exponent", "floor"}
        The number.
    n : float
        Where to run; at most ten times the largest `n`.
    share : float
        By which share its interval is expected to shrink.

    Examples
    --------
    >>> from shallows.tails import NextRun
    >>> NextRun("exponent", 50000.0, 0.2).sentence()
    'one more run tells most about the exponent at n = 5e+04: its interval is expected to shrink by 20 %'
    """

    of: str
    n: float
    share: float

    def sentence(self) -> str:
        """What people read."""
        return (
            f"one more run tells most about the {self.of} at n = {self.n:.2g}: its interval is expected to shrink by "
            f"{100 * self.share:.0f} %"
        )


@dataclass(frozen=True)
class Tail:
    """The points of the last power law, with the scatter of the whole curve.

    Attributes
    ----------
    points : Points
    misses : ndarray, shape (m,)
        Their weighted residuals from the curve as read.
    floor : bool
        Whether there may be a floor below it.
    level : float
        Of intervals.
    broken : bool
        Whether there were points before.
    """

    points: Points
    misses: FloatArray
    floor: bool
    level: float
    broken: bool = False

    def last(self, count: int, pieces_before: int) -> Tail:
        """The last `count` points; what those before them, in so many pieces, say of the scatter is kept."""
        points = self.points
        before, scatter = points.x.size - count, points.scatter
        if not scatter.known:
            spare = max(before - 2 * pieces_before, 0)  # each piece took a slope and the break that ends it
            within = float(np.sum(self.misses[:before] ** 2)) if spare else 0.0
            scatter = Scatter(False, scatter.within + within, scatter.spare + spare)
        x, y, weight = points.x[before:], points.y[before:], points.weight[before:]
        last = Points(x, y, weight, scatter, points.runs)
        return Tail(last, self.misses[before:], self.floor, self.level, broken=True)

    def line(self) -> tuple[float, float, float, FloatArray, float]:
        """Straight line on logarithmic axes: middle, value there, slope, covariance of the two, reach of intervals."""
        x, y, weight = self.points.x, self.points.y, self.points.weight
        middle = float(np.average(x, weights=weight**2))
        design = np.column_stack([np.ones_like(x), x - middle]) * weight[:, None]
        (height, slope), *_ = np.linalg.lstsq(design, y * weight, rcond=None)
        loss = float(np.sum((y * weight - design @ np.array([height, slope])) ** 2))
        free = max(x.size - 2, 1)
        spread = self.points.scatter.variance(loss, free) * np.linalg.inv(design.T @ design)
        reach = self.points.scatter.reach(self.level, free)
        return middle, float(height), float(slope), np.asarray(spread, dtype=float), reach

    def falls(self) -> bool:
        """Whether the curve falls at all, beyond its scatter: only then is there something above a floor."""
        _, _, slope, spread, _ = self.line()
        return bool(slope < -2 * math.sqrt(spread[1, 1]))

    def values(self, x: FloatArray) -> list[tuple[float, float, float]]:
        """The curve at each `x`, and both ends of its interval."""
        if self.floor and self.falls():
            fit = fit_floor(self.points, self.level)
            return [(fit.value(at), *fit.value_interval(at)) for at in x.tolist()]
        middle, height, slope, spread, reach = self.line()
        found: list[tuple[float, float, float]] = []
        for at in x.tolist():
            away = np.array([1.0, at - middle])
            value, room = height + slope * (at - middle), reach * math.sqrt(away @ spread @ away)
            found.append((math.exp(value), math.exp(value - room), math.exp(min(value + room, 700.0))))
        return found

    def extrapolate(self, places: FloatArray) -> tuple[Extrapolation, ...]:
        """The curve at these numbers of samples.

        Intervals hold for two readings: all points, and the later ones by themselves. Where a break cannot be told
        from a floor, is not seen, or lies elsewhere than it seems, the two part beyond the largest `n`.
        """
        x, count = np.log(places), self.points.x.size
        some = math.ceil(count * (LATER_BROKEN if self.broken else LATER))
        later = replace(self.last(max(some, POINTS_PER_SEGMENT), 0), level=_narrower(self.level))
        found = []
        for n, (value, low, high), (_, lowest, highest) in zip(places, self.values(x), later.values(x), strict=True):
            low, high = min(low, lowest), max(high, highest)
            if high <= WIDEST * low:
                found.append(Extrapolation(float(n), value, (low, high), ""))
            else:
                reason = f"open by more than a factor of {WIDEST:g}: it takes more points, or larger n"
                found.append(Extrapolation(float(n), None, None, reason))
        return tuple(found)

    def next_runs(self, floor_seen: bool) -> tuple[NextRun, ...]:
        """Where one more run shrinks the interval of the exponent most, and that of a floor that is seen.

        Intervals are computed as if the run fell on the curve; its scatter is that of the others.
        """
        x = self.points.x
        places = np.linspace(x[0], x[-1] + math.log(FARTHEST), PLACES)
        now = self._widths(self.points, floor_seen)
        then = [self._widths(self._with_run(float(place)), floor_seen) for place in places]
        runs = []
        for k, name in enumerate(("exponent", "floor") if floor_seen else ("exponent",)):
            widths = np.array([width[k] for width in then])
            best = int(np.argmin(widths))
            if math.isfinite(now[k]) and widths[best] < now[k]:
                runs.append(NextRun(name, math.exp(places[best]), float(1 - widths[best] / now[k])))
        return tuple(runs)

    def _widths(self, points: Points, floor_seen: bool) -> tuple[float, ...]:
        """Widths of the intervals of the exponent and, where it is seen, of the floor."""
        tail = Tail(points, self.misses, self.floor, self.level)
        if self.floor and self.falls():
            fit = fit_floor(points, self.level)
            width = fit.interval[1] - fit.interval[0]
            return (width, float(np.diff(fit.floor_interval)[0])) if floor_seen else (width,)
        _, _, _, spread, reach = tail.line()
        return (2 * reach * math.sqrt(spread[1, 1]),)

    def _with_run(self, place: float) -> Points:
        """The points and one on the curve, which leaves the estimated scatter as it is."""
        points = self.points
        x, y, weight = points.x, points.y, points.weight
        if self.floor and self.falls():
            fit = fit_floor(points, self.level)
            value, free, loss = math.log(fit.value(place)), max(x.size - 3, 1), fit.loss
        else:
            middle, height, slope, *_ = self.line()
            value, free = height + slope * (place - middle), max(x.size - 2, 1)
            loss = float(np.sum((weight * (y - height - slope * (x - middle))) ** 2))
        scatter = points.scatter
        if not scatter.known:
            scatter = Scatter(False, scatter.within + scatter.variance(loss, free), scatter.spare)
        own = float(np.median(weight[-POINTS_PER_SEGMENT:])) if scatter.known else 1.0
        return Points(np.append(x, place), np.append(y, value), np.append(weight, own), scatter, points.runs)


def tail_of(points: Points, breaks: FloatArray, misses: FloatArray, floor: bool, level: float) -> Tail:
    """The last piece of a curve with these `breaks` and weighted residuals, the latter of shape (m,)."""
    whole = Tail(points, misses, floor, level)
    if not breaks.size:
        return whole
    return whole.last(max(int(np.sum(points.x >= breaks[-1])), POINTS_PER_SEGMENT), breaks.size)


def _narrower(level: float) -> float:
    """The level of intervals narrower by :data:`NARROWER`."""
    from scipy.special import ndtr, ndtri

    return float(2 * ndtr(NARROWER * ndtri(0.5 * (1 + level))) - 1)
