"""Power laws with crossovers: exponents, plateaus and break points of a learning curve, with their uncertainty.

A curve is fitted by a continuous line of straight pieces in log-log axes. The number of pieces is chosen by the
Bayesian information criterion, the breaks are free, and the intervals come from refitting resampled curves.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import check_level, check_number
from ._display import Displayed, Summary, frame_of
from ._status import StatusEnum
from .broken_floors import BrokenFloor, fit_broken_floor, resampled
from .broken_lines import best_line, criterion, design_of, refine_breaks, solve_line
from .curve_rows import beyond_row, break_rows, floor_rows, segment_rows, verdict
from .curves import POINTS_PER_SEGMENT, Points, check_curve, gather_points
from .errors import InvalidArgument
from .floors import FloorFit, fit_floor, floor_is_seen
from .phases import predicted_exponents
from .tails import FARTHEST, Extrapolation, NextRun, Tail, tail_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas
    from matplotlib.axes import Axes
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


@dataclass(frozen=True, repr=False)
class Segment(Displayed):
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

    def _summary(self) -> Summary:
        ((span, exponent, interval, note),) = segment_rows([self])
        return Summary("Segment", [("exponent", exponent, interval), ("n", span), ("note", note)][: 3 if note else 2])

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


@dataclass(frozen=True, repr=False)
class PowerLaws(Displayed):
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
    runs : int
        Rows that were read, repeated runs counted one by one.
    first : float
        The fitted curve at the smallest `n`; not a number without segments.
    extrapolations : tuple of Extrapolation
        The curve at the numbers of samples asked for.
    next_runs : tuple of NextRun
        Where one more run would tell most, if asked for.

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
    runs: int = 0
    first: float = math.nan
    extrapolations: tuple[Extrapolation, ...] = ()
    next_runs: tuple[NextRun, ...] = ()

    def _summary(self) -> Summary:
        interval = f"{100 * self.level:g} % interval"
        rows: list[tuple[str, ...]] = [
            ("exponent", exponent, f"{ends}, n = {span}".removeprefix(", "))
            for span, exponent, ends, _ in segment_rows(self.segments)
        ]
        rows += [("break", *row) for row in break_rows(self)]
        rows += [("floor", value, ends) for _, value, ends in floor_rows(self)]
        rows.append(("outcome", verdict(self)))
        table = [beyond_row(point) for point in self.extrapolations]
        head = [("n", True), ("curve", True), (interval, False)]
        notes = [f"intervals are meant to hold the truth {100 * self.level:g} % of the time"] if self.outcome.ok else []
        return Summary("Power laws", rows, head, table, [*notes, *(run.sentence() for run in self.next_runs)])

    def to_frame(self) -> pandas.DataFrame:
        """The segments as a data frame.

        Columns: ``start`` and ``stop``, the range of `n`; ``exponent`` with ``low`` and ``high`` of its interval, not a
        number where it cannot be read; ``plateau``; ``points``, how many lie inside.
        """
        known = [not segment.uncertain for segment in self.segments]
        numbers = [
            (s.exponent, *s.interval) if good else (math.nan,) * 3 for s, good in zip(self.segments, known, strict=True)
        ]
        exponent, low, high = zip(*numbers, strict=True) if numbers else ((), (), ())
        return frame_of(
            {
                "start": [s.start for s in self.segments],
                "stop": [s.stop for s in self.segments],
                "exponent": exponent,
                "low": low,
                "high": high,
                "plateau": [s.plateau for s in self.segments],
                "points": [s.points for s in self.segments],
            }
        )

    def plot(self, ax: Axes | None = None, *, n: ArrayLike | None = None, risk: ArrayLike | None = None) -> Axes:
        """Draw the fitted curve, its floor and breaks, and what lies beyond; what cannot be told is not drawn.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.
        n, risk : array_like, optional
            The curve that was fitted, to be drawn with it.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from .plotting.curves import draw_power_laws
        from .plotting.style import axes_or_new

        points = None if n is None or risk is None else (n, risk)
        with axes_or_new(ax) as axes:
            draw_power_laws(axes, self, points, ("n", "risk"))
        return axes

    def values(self, n: ArrayLike) -> FloatArray:
        """The fitted curve at `n` within the range of its points; shape of `n`.

        Raises
        ------
        InvalidArgument
            Outside that range: see ``extrapolate`` of :func:`fit_power_laws`.
        """
        at = np.array(n, dtype=float)
        start, stop = (self.segments[0].start, self.segments[-1].stop) if self.segments else (math.nan, math.nan)
        outside = at[~((at >= start * (1 - 1e-9)) & (at <= stop * (1 + 1e-9)))]
        if outside.size:
            raise InvalidArgument(
                "n", f"{outside[0]:g}", f"must be from {start:.6g} to {stop:.6g}, where the points are"
            )
        floor = self.floor or 0.0
        above = np.full(at.shape, self.first - floor)
        for segment in self.segments:
            above *= (np.clip(at, segment.start, segment.stop) / segment.start) ** segment.exponent
        return np.asarray(above + floor, dtype=float)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "outcome": self.outcome.value,
            "reason": self.reason,
            "points_needed": self.points_needed,
            "floor": self.floor,
            "floor_interval": None if self.floor_interval is None else list(self.floor_interval),
            "runs": self.runs,
            "extrapolations": [point.to_dict() for point in self.extrapolations],
            "next_runs": [asdict(run) for run in self.next_runs],
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


def local_exponents(n: ArrayLike, risk: ArrayLike) -> FloatArray:
    """Derivative of ``log risk`` in ``log n`` at every point, by differences of neighbours; shape of `n`.

    Raises
    ------
    InvalidArgument
        As :func:`shallows.curves.check_curve`, and for fewer than two points.

    Examples
    --------
    >>> from shallows.exponents import local_exponents
    >>> local_exponents([10, 20, 40, 80], [8.0, 4.0, 2.0, 1.0]).round(12)
    array([-1., -1., -1., -1.])
    """
    x, y = check_curve(n, risk)
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
    extrapolate: Sequence[float] = (),
    next_run: bool = False,
) -> PowerLaws:
    """Read the power laws of a learning curve.

    Parameters
    ----------
    n : array_like, shape (m,)
        Numbers of samples, in any order. Rows of one `n` are repeated runs: their mean is a point of the curve, and how
        much they differ says how much runs scatter. Where the means are further off the lines than that explains, the
        scatter is estimated from the means alone, as without repeated runs, and ``reason`` says so.
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
        Whether the curve may tend to a positive number, as every test error does: one power law above a floor, or two,
        then compete, and the interval of a single power law counts every floor that the data cannot rule out. False
        for curves that are known to vanish, such as an excess risk.
    extrapolate : sequence of float
        Numbers of samples beyond the largest `n`, and up to ten times it, at which to say what the curve comes to.
    next_run : bool
        Whether to look for the `n` at which one more run would tell most.

    Returns
    -------
    PowerLaws
        With outcome ``CANNOT_TELL`` where the curve has too few points, or too much scatter, for any exponent.

    Raises
    ------
    InvalidArgument
        For curves that no power law can be read from (see :func:`shallows.curves.check_rows`), and for numbers of
        samples that cannot be extrapolated to.

    Examples
    --------
    A plateau that turns into ``1/n``.

    >>> import numpy as np
    >>> from shallows import fit_power_laws
    >>> n = np.geomspace(1, 1e4, 30)
    >>> fit = fit_power_laws(n, 1 / np.maximum(1, n / 100))
    >>> [segment.plateau for segment in fit.segments], round(fit.segments[1].exponent, 2), round(fit.breaks[0])
    ([True, False], -1.0, 100)

    Three runs at each `n`, and what ten times the samples would bring.

    >>> n = np.repeat(np.geomspace(100, 1e4, 8), 3)
    >>> risk = (2 / np.sqrt(n) + 0.1) * np.exp(0.02 * np.random.default_rng(0).standard_normal(n.size))
    >>> fit = fit_power_laws(n, risk, extrapolate=[1e5])
    >>> low, high = fit.extrapolations[0].interval
    >>> fit.runs, low < 2 * 1e5**-0.5 + 0.1 < high
    (24, True)
    """
    level = check_level(level)
    resolution = check_number("resolution", resolution, strict=True)
    points = gather_points(n, risk, stderr, resolution)
    places = _check_places(extrapolate, float(np.exp(points.x[-1])))
    if points.x.size < POINTS_PER_SEGMENT:
        reason = f"{points.x.size} points: an exponent with its uncertainty needs at least {POINTS_PER_SEGMENT}"
        nothing = tuple(Extrapolation(place, None, None, reason) for place in places)
        return PowerLaws(
            (),
            (),
            (),
            level,
            math.nan,
            FitOutcome.CANNOT_TELL,
            POINTS_PER_SEGMENT,
            reason,
            runs=points.runs,
            extrapolations=nothing,
        )
    reading = _read(points, level, resolution, seed, floor)
    apart = not points.scatter.explains(float(np.sum(reading.misses**2)), points.x.size - reading.terms)
    if apart:
        points = points.lone()
        reading = _read(points, level, resolution, seed, floor)
    curve, tail = reading.curve, tail_of(points, reading.breaks, reading.misses, reading.floored, level)
    if points.runs > points.x.size:
        curve = replace(curve, reason=f"{curve.reason}; {points.runs} runs at {points.x.size} values of n")
    if apart:
        curve = replace(curve, reason=f"{curve.reason}, which differ less than their means differ from the curve")
    if curve.outcome.ok:
        beyond = tail.extrapolate(np.array(places)) if places else ()
    else:
        beyond = tuple(Extrapolation(place, None, None, curve.reason) for place in places)
    suggested = tail.next_runs(curve.floor is not None) if next_run else ()
    return replace(curve, runs=points.runs, extrapolations=beyond, next_runs=suggested)


def _check_places(places: Sequence[float], largest: float) -> tuple[float, ...]:
    """Numbers of samples that can be extrapolated to."""
    allowed = (
        f"must be numbers above the largest n, {largest:.6g}, and at most {FARTHEST:g} times it: no further was the "
        "coverage of the intervals measured"
    )
    checked = []
    for place in places:
        number = check_number("extrapolate", place, strict=True)
        if not largest < number <= FARTHEST * largest * (1 + 1e-9):
            raise InvalidArgument("extrapolate", f"{number:.6g}", allowed)
        checked.append(number)
    return tuple(checked)


@dataclass(frozen=True)
class _Reading:
    """A curve as read: with its weighted residuals, how many numbers were fitted, and whether a floor is possible."""

    curve: PowerLaws
    breaks: FloatArray
    misses: FloatArray
    terms: int
    floored: bool


def _read(points: Points, level: float, resolution: float, seed: int, floor: bool) -> _Reading:
    """The lines, or the power laws above a floor, that the criterion prefers."""
    lines = best_line(points, resolution)
    breaks = lines.breaks
    coefficients, _ = solve_line(points.x, points.y, points.weight, breaks)
    misses = points.weight * (points.y - design_of(points.x, breaks) @ coefficients)
    plain = _describe(points, breaks, level, seed)
    reading = _Reading(plain, breaks, misses, 2 * (breaks.size + 1), floor)
    if not floor or not Tail(points, misses, True, level).falls():
        return replace(reading, floored=False)
    single = fit_floor(points, level)
    scores = {"lines": lines.score}
    if single.is_seen(points, resolution):
        scores["single"] = criterion(single.loss, points.x.size, 4, points.scatter, resolution)
        if not breaks.size:
            del scores["lines"]  # that the floor is seen decides between the two
    double = fit_broken_floor(points)
    if double is not None and floor_is_seen(lines.losses[1], double.loss, points, 5, resolution):
        scores["double"] = criterion(double.loss, points.x.size, 7, points.scatter, resolution)
    best = min(scores, key=lambda name: (scores[name], name != "single"))
    if best == "double":
        assert double is not None
        return _above_a_floor_broken(plain, double, points, level, seed)
    if best == "single":
        curve = _above_a_floor(plain, single, points)
        least = single.loss + points.scatter.rise(0.95, single.loss, max(points.x.size - 3, 1))
        if len(lines.losses) > 1 and lines.losses[1] <= least:
            curve = replace(curve, reason=f"{curve.reason}; or a break to a shallower power law, which fits as well")
        misses = points.weight * (points.y - np.log([single.value(float(x)) for x in points.x]))
        return _Reading(curve, np.zeros(0), misses, 3, True)
    if breaks.size:
        return replace(reading, curve=_last_perhaps_above_a_floor(plain, tail_of(points, breaks, misses, True, level)))
    return replace(reading, curve=_perhaps_above_a_floor(plain, single))


def _above_a_floor(plain: PowerLaws, found: FloorFit, points: Points) -> PowerLaws:
    """One power law above a floor."""
    low, high = found.interval
    scatter = points.scatter.relative(found.loss, max(points.x.size - 3, 1), points.mean_weight)
    segment = Segment(
        plain.segments[0].start, plain.segments[-1].stop, -found.exponent, (-high, -low), False, points.x.size
    )
    reason = f"a power law above a floor of {found.floor:.3g}, scatter {100 * scatter:.2g} %"
    return replace(
        _judged(plain, (segment,), scatter, reason),
        breaks=(),
        break_intervals=(),
        floor=found.floor,
        floor_interval=found.floor_interval,
        first=found.value(float(points.x[0])),
    )


def _above_a_floor_broken(plain: PowerLaws, found: BrokenFloor, points: Points, level: float, seed: int) -> _Reading:
    """Two power laws above a floor: the last one and the floor are read from the points after the break."""
    x = points.x
    misses = points.weight * (points.y - found.logarithms(x))
    free = x.size - 5
    breaks = np.array([found.at])
    tail = fit_floor(tail_of(points, breaks, misses, True, level).points, level)
    spread = math.sqrt(points.scatter.variance(found.loss, free)) / points.weight
    slopes, places = resampled(found, points, spread, RESAMPLES, np.random.default_rng(seed))
    room = points.scatter.reach(level, free) * math.sqrt(float(np.mean((slopes - found.before) ** 2)))
    low, high = (float(v) for v in np.exp(np.quantile(places, [0.5 * (1 - level), 0.5 * (1 + level)])))
    at = math.exp(found.at)
    start, stop = float(np.exp(x[0])), float(np.exp(x[-1]))
    early = int(np.sum(x <= found.at))
    ends = -max(tail.interval[1], found.after), -min(tail.interval[0], found.after)
    first = Segment(
        start, at, -found.before, (-found.before - room, -found.before + room), abs(found.before) <= PLATEAU, early
    )
    last = Segment(at, stop, -found.after, ends, False, x.size - early)
    scatter = points.scatter.relative(found.loss, free, points.mean_weight)
    reason = f"2 power laws above a floor of {found.floor:.3g}, scatter {100 * scatter:.2g} %"
    floors = tail.floor_interval
    curve = replace(
        _judged(plain, (first, last), scatter, reason),
        breaks=(at,),
        break_intervals=((low, high),),
        floor=found.floor,
        floor_interval=(min(floors[0], found.floor), max(floors[1], found.floor)),
        first=float(np.exp(found.logarithms(x[:1])[0])),
    )
    return _Reading(curve, breaks, misses, 5, True)


def _last_perhaps_above_a_floor(plain: PowerLaws, tail: Tail) -> PowerLaws:
    """Several power laws, the last one with every floor that its points cannot rule out."""
    if not tail.falls():
        return plain
    last, fit = plain.segments[-1], fit_floor(tail.points, tail.level)
    interval = min(last.interval[0], -fit.interval[1]), max(last.interval[1], -fit.interval[0])
    segments = *plain.segments[:-1], replace(last, interval=interval)
    return _judged(plain, segments, plain.scatter, plain.reason)


def _perhaps_above_a_floor(plain: PowerLaws, found: FloorFit) -> PowerLaws:
    """One power law, with the floors that remain possible."""
    (segment,) = plain.segments
    interval = min(-found.interval[1], segment.exponent), max(-found.interval[0], segment.exponent)
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


def _describe(points: Points, breaks: FloatArray, level: float, seed: int) -> PowerLaws:
    x, y, weight = points.x, points.y, points.weight
    count, pieces = x.size, breaks.size + 1
    coefficients, loss = solve_line(x, y, weight, breaks)
    free = max(count - 2 * pieces, 1)
    spread = math.sqrt(points.scatter.variance(loss, free)) / weight
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
    reach = points.scatter.reach(level, free)
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
    scatter = points.scatter.relative(loss, free, points.mean_weight)
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
        first=float(np.exp(fitted[0])),
    )
    return _judged(curve, tuple(segments), scatter, reason)
