"""Learning curves as they are given: rows of numbers, with repeated runs at one `n`, and how much they scatter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .errors import InvalidArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._types import FloatArray

#: Points that one power law takes: two fix a line, the others tell how well.
POINTS_PER_SEGMENT = 4
#: Below this significance the values at several `n` lie further from the curve than repeated runs explain.
UNEXPLAINED = 0.01
#: Runs that differ by no more than this, relatively, are one run given twice.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Scatter:
    """What is known of the scatter of a curve's points, in squares of weighted residuals.

    Attributes
    ----------
    known : bool
        Whether weights are one over standard errors: squares are then 1 on average.
    within : float
        Weighted squares that no curve explains: repeated runs around their mean at each `n`.
    spare : int
        Degrees of freedom of `within`.

    Examples
    --------
    With known errors a good fit does not make them smaller; otherwise runs at one `n` tell as much as residuals do.

    >>> from shallows.curves import Scatter
    >>> Scatter(known=True).variance(loss=3.0, free=6), Scatter(known=False, within=6.0, spare=12).variance(3.0, 6)
    (1.0, 0.5)
    """

    known: bool
    within: float = 0.0
    spare: int = 0

    def variance(self, loss: float, free: int) -> float:
        """Variance of a weighted residual, where a curve with `free` degrees of freedom left has this `loss`."""
        if self.known:
            return max(loss / free, 1.0)
        return (loss + self.within) / (free + self.spare)

    def relative(self, loss: float, free: int, mean_weight: float) -> float:
        """Relative scatter of a single run; `mean_weight` is the mean of the squared weights."""
        if self.known:
            return math.sqrt(loss / free / mean_weight)
        return math.sqrt(self.variance(loss, free))

    def reach(self, level: float, free: int) -> float:
        """Half-width of a two-sided interval in standard deviations."""
        from scipy.special import ndtri

        from ._distributions import student_ppf

        upper = 0.5 * (1 + level)
        return float(ndtri(upper) if self.known else student_ppf(upper, free + self.spare))

    def rise(self, level: float, loss: float, free: int) -> float:
        """By how much the loss rises up to the end of an interval of one parameter."""
        return self.reach(level, free) ** 2 * self.variance(loss, free)

    def explains(self, loss: float, free: int) -> bool:
        """Whether repeated runs scatter enough for the distance of their means from the curve."""
        from ._distributions import f_isf

        if self.known or not self.spare:
            return True
        return bool(loss / free <= f_isf(UNEXPLAINED, free, self.spare) * self.within / self.spare)


@dataclass(frozen=True)
class Points:
    """A curve on logarithmic axes: one point for every `n`.

    Attributes
    ----------
    x, y : ndarray, shape (m,)
        Logarithms of `n`, increasing, and of the risk: the mean over the runs there.
    weight : ndarray, shape (m,)
        One over the standard error of `y`, in units of the scatter where that is not known.
    scatter : Scatter
    runs : int
        Rows, repeated runs counted one by one.

    Examples
    --------
    >>> from shallows.curves import gather_points
    >>> points = gather_points([10, 10, 20], [1.0, 1.0, 0.5], None, resolution=0.01)
    >>> points.x.size, points.runs, points.lone().scatter
    (2, 3, Scatter(known=False, within=0.0, spare=0))
    """

    x: FloatArray
    y: FloatArray
    weight: FloatArray
    scatter: Scatter
    runs: int

    @property
    def mean_weight(self) -> float:
        """Mean of the squared weights."""
        return float(np.mean(self.weight**2))

    def lone(self) -> Points:
        """The same points, their scatter being read from their distance to the curve alone."""
        return Points(self.x, self.y, np.ones_like(self.x), Scatter(known=False), self.runs)


def check_rows(
    n: ArrayLike, risk: ArrayLike, stderr: ArrayLike | None = None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """The columns of a curve as float arrays of one length, in any order.

    Raises
    ------
    InvalidArgument
        Naming the column and the first bad row: lengths differ, or a value is missing, not finite or not positive.

    Examples
    --------
    >>> from shallows.curves import check_rows
    >>> check_rows([10, 20, 40], [1.0, 0.0, 0.5])
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: risk: got '0 in row 2'; every value must be a finite number > 0
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
    return columns["n"], columns["risk"], columns.get("stderr")


def check_curve(n: ArrayLike, risk: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """A curve with one value at each `n`, as float arrays.

    Raises
    ------
    InvalidArgument
        As :func:`check_rows`, and where `n` does not increase.

    Examples
    --------
    >>> from shallows.curves import check_curve
    >>> check_curve([10, 20, 15], [1.0, 0.7, 0.5])
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: n: got '15 after 20, in row 3'; must increase from row to row, each value once
    """
    sizes, values, _ = check_rows(n, risk)
    steps = np.diff(sizes)
    if (steps <= 0).any():
        row = int(np.flatnonzero(steps <= 0)[0])
        what = "twice" if steps[row] == 0 else f"after {sizes[row]:g}"
        allowed = "must increase from row to row, each value once"
        raise InvalidArgument("n", f"{sizes[row + 1]:g} {what}, in row {row + 2}", allowed)
    return sizes, values


def gather_points(n: ArrayLike, risk: ArrayLike, stderr: ArrayLike | None, resolution: float) -> Points:
    """One point for every `n`: repeated runs become their mean, and tell the scatter.

    Parameters
    ----------
    n, risk : array_like, shape (rows,)
        In any order.
    stderr : array_like, shape (rows,), optional
    resolution : float
        Relative departures from a curve that count for nothing: no point weighs more than it allows.

    Raises
    ------
    InvalidArgument
        As :func:`check_rows`.

    Examples
    --------
    >>> from shallows.curves import gather_points
    >>> points = gather_points([20, 10, 20], [0.5, 1.0, 0.6], None, resolution=0.01)
    >>> points.x.size, points.scatter.spare, round((points.scatter.within / points.scatter.spare) ** 0.5, 3)
    (2, 1, 0.129)
    """
    sizes, values, errors = check_rows(n, risk, stderr)
    distinct, group = np.unique(sizes, return_inverse=True)
    x, count = np.log(distinct), distinct.size
    y = np.log(values)
    share = np.ones(sizes.size) if errors is None else (values / errors) ** 2
    total = np.bincount(group, weights=share, minlength=count)
    mean = np.bincount(group, weights=share * y, minlength=count) / total
    spare = sizes.size - count
    within = float(np.sum(share * (y - mean[group]) ** 2)) if spare else 0.0
    rounding = (resolution / 4) ** 2
    if errors is not None and not _exceeds(within, spare):
        return Points(x, mean, 1 / np.sqrt(1 / total + rounding), Scatter(known=True), sizes.size)
    # from here on in units of the scatter of one run
    total, within = total / np.mean(share), within / float(np.mean(share))
    if within <= spare * ROUNDING**2:
        return Points(x, mean, np.ones(count), Scatter(known=False), sizes.size)
    weight = 1 / np.sqrt(1 / total + rounding * spare / within)
    return Points(x, mean, weight, Scatter(known=False, within=within, spare=spare), sizes.size)


def _exceeds(within: float, spare: int) -> bool:
    """Whether runs scatter more than their standard errors say, which are then not those of a run."""
    from ._distributions import chi_squared_isf

    return spare > 0 and within > float(chi_squared_isf(UNEXPLAINED, spare))
