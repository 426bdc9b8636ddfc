"""Power laws with crossovers: exponents, plateaus and break points of a learning curve, with their uncertainty.

A curve is fitted by a continuous line of straight pieces in log-log axes. The number of pieces is chosen by the
Bayesian information criterion, the breaks are free, and the intervals come from refitting resampled curves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import check_level, check_number
from ._status import StatusEnum
from .broken_lines import POINTS_PER_SEGMENT, BestLine, best_line, criterion, design_of, refine_breaks, solve_line
from .errors import InvalidArgument
from .floors import FloorFit, fit_floor
from .phases import predicted_exponents

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._types import FloatArray

#: A segment at most this steep, or that cannot be told from flat and is less than twice as steep, is a plateau.
PLATEAU = 0.05
#: An exponent known no better than this (half-width of its interval) says nothing: "cannot tell".
USEFUL = 0.25
#: Resampled curves behind every interval.
RESAMPLES = 200


class FitOutcome(StatusEnum):
    """Whether the curve could be read.

    Examples
    --------
    >>> from shallows.exponents import FitOutcome
    >>> FitOutcome("cannot_tell").ok
    False
    """

    FITTED = "fitted", True, "at least one exponent is known well enough to be read"
    CANNOT_TELL = "cannot_tell", False, "no exponent is known well enough: take more points, or a wider range of n"


@dataclass(frozen=True)
class Segment:
    """One power law ``risk ~ n^exponent``.

    Attributes
    ----------
    start, stop : float
        Range of `n`.
    exponent : float
    interval : (float, float)
        Confidence interval of the exponent.
    plateau : bool
        Whether the curve is flat here, as far as the data can tell.
    points : int
        Data points inside.

    Examples
    --------
    >>> from shallows.exponents import Segment
    >>> segment = Segment(100.0, 10000.0, exponent=-0.62, interval=(-0.66, -0.58), plateau=False, points=12)
    >>> segment.uncertain, segment.matching_phases("quadratic", gamma=1.25)
    (False, ('IV',))
    """

    start: float
    stop: float
    exponent: float
    interval: tuple[float, float]
    plateau: bool
    points: int

    @property
    def uncertain(self) -> bool:
        """Whether the exponent is too uncertain to be read."""
        return not 0.5 * (self.interval[1] - self.interval[0]) <= USEFUL

    def matching_phases(self, network: str, gamma: float) -> tuple[str, ...]:
        """Phases (theory note, section 7) whose exponent in the number of samples lies in the interval."""
        low, high = self.interval
        found = []
        for name, (exponent, _) in predicted_exponents(network, gamma).items():
            if exponent is None or name == "peak":
                continue
            if low - 0.02 <= exponent <= high + 0.02:
                found.append(name)
        return tuple(found)


@dataclass(frozen=True)
class PowerLaws:
    """Segments of a learning curve.

    Attributes
    ----------
    segments : tuple of Segment
    breaks : tuple of float
        Where one power law turns into the next.
    break_intervals : tuple of (float, float)
        Confidence interval of each break.
    level : float
        Confidence level of all intervals.
    scatter : float
        Relative scatter of the points around the lines.
    outcome : FitOutcome
    points_needed : int or None
        Where it cannot tell: about how many points would do.
    reason : str
        One sentence.
    floor : float or None
        What the curve tends to, where that is seen; exponents are then those of what lies above it.
    floor_interval : (float, float) or None
        Its confidence interval.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import fit_power_laws
    >>> n = np.geomspace(10, 1000, 12)
    >>> fit = fit_power_laws(n, 3 / n)
    >>> fit.outcome.value, fit.breaks, round(fit.segments[0].exponent, 6)
    ('fitted', (), -1.0)
    """

    segments: tuple[Segment, ...]
    breaks: tuple[float, ...]
    break_intervals: tuple[tuple[float, float], ...]
    level: float
    scatter: float
    outcome: FitOutcome
    points_needed: int | None
    reason: str
    floor: float | None = None
    floor_interval: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "outcome": self.outcome.value,
            "reason": self.reason,
            "points_needed": self.points_needed,
            "floor": self.floor,
            "floor_interval": None if self.floor_interval is None else list(self.floor_interval),
            "level": self.level,
            "scatter": None if math.isnan(self.scatter) else self.scatter,
            "segments": [
                {
                    "start": s.start,
                    "stop": s.stop,
                    "exponent": s.exponent,
                    "interval": [end if math.isfinite(end) else None for end in s.interval],
                    "plateau": s.plateau,
                    "uncertain": s.uncertain,
                    "points": s.points,
                }
                for s in self.segments
            ],
            "breaks": [
                {"at": at, "interval": list(interval)}
                for at, interval in zip(self.breaks, self.break_intervals, strict=True)
            ],
        }


def check_curve(
    n: ArrayLike, risk: ArrayLike, stderr: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """The curve as float arrays.

    Raises
    ------
    InvalidArgument
        Naming the column and the first bad row: lengths differ, a value is missing, not finite or not positive,
        or `n` does not increase.

    Examples
    --------
    >>> from shallows.exponents import check_curve
    >>> check_curve([10, 20, 15], [1.0, 0.7, 0.5])
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: n: got '15 after 20, in row 3'; must increase from row to row, each value once
    """
    columns: dict[str, FloatArray] = {}
    for name, given in (("n", n), ("risk", risk), ("stderr", stderr)):
        if given is None:
            continue
        try:
            values = np.array(given, dtype=float)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(name, type(given).__name__, "must be a list of numbers") from error
        if values.ndim != 1:
            raise InvalidArgument(name, f"array of shape {values.shape}", "must be one-dimensional")
        columns[name] = values
    size = columns["n"].size
    for name, values in columns.items():
        if values.size != size:
            raise InvalidArgument(name, f"{values.size} values", f"must be as many as n, {size}")
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if bad.size:
            allowed = "every value must be a finite number > 0: power laws are read on logarithmic axes"
            raise InvalidArgument(name, f"{values[bad[0]]:g} in row {bad[0] + 1}", allowed)
    if size == 0:
        raise InvalidArgument("n", "no rows", f"a curve needs at least {POINTS_PER_SEGMENT} points")
    steps = np.diff(columns["n"])
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0])
        what = "twice" if steps[row] == 0 else f"after {columns['n'][row]:g}"
        allowed = "must increase from row to row, each value once"
        raise InvalidArgument("n", f"{columns['n'][row + 1]:g} {what}, in row {row + 2}", allowed)
    return columns["n"], columns["risk"], columns.get("stderr")


def local_exponents(n: ArrayLike, risk: ArrayLike) -> FloatArray:
    """Derivative of ``log risk`` in ``log n`` at every point, by differences of neighbours; shape of `n`.

    Raises
    ------
    InvalidArgument
        As :func:`check_curve`, and for fewer than two points.

    Examples
    --------
    >>> from shallows.exponents import local_exponents
    >>> local_exponents([10, 20, 40, 80], [8.0, 4.0, 2.0, 1.0]).round(12)
    array([-1., -1., -1., -1.])
    """
    x, y, _ = check_curve(n, risk)
    if x.size < 2:
        raise InvalidArgument("n", f"{x.size} row", "a slope needs at least 2 points")
    return np.asarray(np.gradient(np.log(y), np.log(x)), dtype=float)


def fit_power_laws(
    n: ArrayLike,
    risk: ArrayLike,
    stderr: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resolution: float = 0.01,
    seed: int = 0,
    floor: bool = True,
) -> PowerLaws:
    """Read the power laws of a learning curve.

    Parameters
    ----------
    n : array_like, shape (m,)
        Numbers of samples, increasing.
    risk : array_like, shape (m,)
        Excess risk or error, positive.
    stderr : array_like, shape (m,), optional
        Standard error of each `risk`. Without it the scatter around the lines is estimated from the curve.
    level : float
        Confidence level of the intervals.
    resolution : float
        Relative departures from straight lines smaller than this are no reason for another segment: crossovers of
        exact curves are smooth.
    seed : int
        Of the resampling behind the intervals.
    floor : bool
        Whether the curve may tend to a positive number, as every test error does: a power law above a floor then
        competes, and the interval of a single power law counts every floor that the data cannot rule out. False for
        curves that are known to vanish, such as an excess risk.

    Returns
    -------
    PowerLaws
        With outcome ``CANNOT_TELL`` where the curve has too few points, or too much scatter, for any exponent.

    Raises
    ------
    InvalidArgument
        For curves that no power law can be read from; see :func:`check_curve`.

    Examples
    --------
    A plateau that turns into ``1/n``.

    >>> import numpy as np
    >>> from shallows import fit_power_laws
    >>> n = np.geomspace(1, 1e4, 30)
    >>> fit = fit_power_laws(n, 1 / np.maximum(1, n / 100))
    >>> [segment.plateau for segment in fit.segments], round(fit.segments[1].exponent, 2), round(fit.breaks[0])
    ([True, False], -1.0, 100)
    """
    sizes, values, errors = check_curve(n, risk, stderr)
    level = check_level(level)
    resolution = check_number("resolution", resolution, strict=True)
    count = sizes.size
    if count < POINTS_PER_SEGMENT:
        reason = f"{count} points: an exponent with its uncertainty needs at least {POINTS_PER_SEGMENT}"
        return PowerLaws((), (), (), level, math.nan, FitOutcome.CANNOT_TELL, POINTS_PER_SEGMENT, reason)
    x, y = np.log(sizes), np.log(values)
    known = errors is not None
    sigma = np.ones(count) if errors is None else np.hypot(errors / values, resolution / 4)
    candidates = best_line(x, y, 1 / sigma, known, resolution)
    plain = _describe(x, y, sigma, candidates.breaks, known, level, seed)
    if not floor or not _declines(x, y, 1 / sigma):
        return plain
    return _with_floor(plain, fit_floor(x, y, 1 / sigma, known, level), candidates, known, resolution)


def _declines(x: FloatArray, y: FloatArray, weight: FloatArray) -> bool:
    """Whether the curve falls at all, beyond its scatter: only then is there something above a floor."""
    (_, slope), loss = solve_line(x, y, weight, np.zeros(0))
    spread = math.sqrt(loss / max(x.size - 2, 1) / float(np.sum((weight * (x - np.mean(x))) ** 2)))
    return bool(slope < -2 * spread)


def _with_floor(plain: PowerLaws, found: FloorFit, candidates: BestLine, known: bool, resolution: float) -> PowerLaws:
    """The curve above its floor, where that is seen and explains it better; else with floors that remain possible."""
    low, high = found.interval
    interval = -high, -low
    if found.is_seen(candidates.count, known, resolution, candidates.mean_weight) and (
        not candidates.breaks.size or criterion(found.loss, candidates.count, 4, known, resolution) <= candidates.score
    ):
        scatter = math.sqrt(found.loss / candidates.mean_weight / max(candidates.count - 3, 1))
        segment = replace(
            plain.segments[0],
            stop=plain.segments[-1].stop,
            exponent=-found.exponent,
            interval=interval,
            plateau=False,
            points=candidates.count,
        )
        reason = f"a power law above a floor of {found.floor:.3g}, scatter {100 * scatter:.2g} %"
        return replace(
            _judged(plain, (segment,), scatter, reason),
            breaks=(),
            break_intervals=(),
            floor=found.floor,
            floor_interval=found.floor_interval,
        )
    if candidates.breaks.size:
        return plain
    (segment,) = plain.segments
    interval = min(interval[0], segment.exponent), max(interval[1], segment.exponent)
    most = found.floor_interval[1]
    reason = f"1 power law, scatter {100 * plain.scatter:.2g} %; a floor of up to {most:.2g} is possible"
    widened = _judged(plain, (replace(segment, interval=interval),), plain.scatter, reason)
    return replace(widened, floor_interval=(0.0, most))


def _judged(curve: PowerLaws, segments: tuple[Segment, ...], scatter: float, reason: str) -> PowerLaws:
    """The curve with these segments: whether any exponent can be read, and if not, what would help."""
    outcome, needed = FitOutcome.FITTED, None
    if all(segment.uncertain for segment in segments):
        outcome = FitOutcome.CANNOT_TELL
        count = sum(segment.points for segment in segments)
        widest = min(0.5 * (s.interval[1] - s.interval[0]) for s in segments)
        needed = int(min(math.ceil(count * (widest / (0.4 * USEFUL)) ** 2), 10**9)) if math.isfinite(widest) else None
        open_by = f"open by +-{widest:.2g}" if math.isfinite(widest) else "without a limit"
        more = "a wider range of n" if needed is None else f"about {needed} such points, or a wider range of n"
        reason = f"the scatter ({100 * scatter:.2g} %) leaves the exponent {open_by}: it takes {more}"
    return replace(curve, segments=segments, scatter=scatter, outcome=outcome, points_needed=needed, reason=reason)


def _describe(
    x: FloatArray, y: FloatArray, sigma: FloatArray, breaks: FloatArray, known: bool, level: float, seed: int
) -> PowerLaws:
    from scipy.stats import norm, t

    count, pieces = x.size, breaks.size + 1
    weight = 1 / sigma
    coefficients, loss = solve_line(x, y, weight, breaks)
    free = max(count - 2 * pieces, 1)
    inflation = math.sqrt(loss / free)
    spread = sigma * (max(inflation, 1.0) if known else inflation)
    fitted = design_of(x, breaks) @ coefficients
    slopes = np.cumsum(coefficients[1:])

    rng = np.random.default_rng(seed)
    drawn_slopes, drawn_breaks = [], []
    for _ in range(RESAMPLES):
        sample = fitted + spread * rng.standard_normal(count)
        moved = refine_breaks(x, sample, weight, breaks) if breaks.size else breaks
        drawn_slopes.append(np.cumsum(solve_line(x, sample, weight, moved)[0][1:]))
        drawn_breaks.append(moved)
    tail = 0.5 * (1 - level)
    reach = float(norm.ppf(1 - tail) if known else t.ppf(1 - tail, free))
    deviation = np.sqrt(np.mean((np.array(drawn_slopes) - slopes) ** 2, axis=0))
    if breaks.size:
        lows, highs = np.quantile(np.array(drawn_breaks), [tail, 1 - tail], axis=0)
    else:
        lows = highs = np.zeros(0)

    edges = np.concatenate([[x[0]], breaks, [x[-1]]])
    segments = []
    for i in range(pieces):
        low, high = float(slopes[i] - reach * deviation[i]), float(slopes[i] + reach * deviation[i])
        steep = abs(float(slopes[i]))
        flat = steep <= PLATEAU or (low <= 0 <= high and steep <= 2 * PLATEAU)
        inside = int(((x >= edges[i]) & (x <= edges[i + 1])).sum())
        start, stop = float(np.exp(edges[i])), float(np.exp(edges[i + 1]))
        segments.append(Segment(start, stop, float(slopes[i]), (low, high), flat, inside))
    scatter = float(np.sqrt(np.mean((y - fitted) ** 2) * count / free))
    reason = f"{pieces} power law{'s' if pieces > 1 else ''}, scatter {100 * scatter:.2g} %"
    curve = PowerLaws(
        tuple(segments),
        tuple(float(b) for b in np.exp(breaks)),
        tuple((float(a), float(b)) for a, b in zip(np.exp(lows), np.exp(highs), strict=True)),
        level,
        scatter,
        FitOutcome.FITTED,
        None,
        reason,
    )
    return _judged(curve, tuple(segments), scatter, reason)
