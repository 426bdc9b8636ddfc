"""Where a line has to be computed at more points to look smooth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray

#: A corner that stands out by less than this share of the axes is not seen in print.
SEEN = 0.004
#: How often intervals at a corner are halved: a cusp stays one.
ROUNDS = 4


def bent(x: FloatArray, y: FloatArray) -> FloatArray:
    """Intervals of a line on logarithmic axes that meet at a visible corner.

    Parameters
    ----------
    x : ndarray, shape (m,)
        Positive, increasing.
    y : ndarray, shape (m,)
        What is not positive is not drawn, and bends nothing.

    Returns
    -------
    ndarray of int
        Each interval by its left point.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.plotting.smooth import bent
    >>> bent(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([1.0, 2.0, 9.0, 2.0, 1.0]))
    array([0, 1, 2, 3])
    >>> bent(np.array([1.0, 2.0, 4.0, 8.0]), np.array([8.0, 4.0, 2.0, 1.0]))
    array([], dtype=int64)
    """
    good = np.isfinite(y) & (y > 0)
    if good.sum() < 3:
        return np.zeros(0, dtype=int)
    u = np.log(x) / np.ptp(np.log(x[good]))
    v = np.log(np.where(good, y, np.nan))
    v = v / (np.nanmax(v) - np.nanmin(v) or 1.0)
    run, rise = u[2:] - u[:-2], v[2:] - v[:-2]
    away = np.abs(run * (v[1:-1] - v[:-2]) - rise * (u[1:-1] - u[:-2])) / np.hypot(run, rise)
    corners = np.flatnonzero(away > SEEN)  # false where nan
    return np.unique(np.concatenate([corners, corners + 1]))


def smooth_grid(x: FloatArray, values: Callable[[FloatArray], FloatArray], rounds: int = ROUNDS) -> FloatArray:
    """`x` with more points where the line through `values` bends.

    Parameters
    ----------
    x : ndarray, shape (m,)
        Positive, increasing.
    values : callable
        The line at an array of new places; called once for `x` and once a round.
    rounds : int

    Returns
    -------
    ndarray

    Examples
    --------
    A peak gets points, a straight line none.

    >>> import numpy as np
    >>> from shallows.plotting.smooth import smooth_grid
    >>> x = np.geomspace(0.1, 10, 7)
    >>> smooth_grid(x, lambda n: 1 / n).size, smooth_grid(x, lambda n: 0.1 + n / (n**2 - n + 1)).size > 20
    (7, True)
    """
    known = dict(zip(x.tolist(), np.asarray(values(x)).tolist(), strict=True))
    for _ in range(rounds):
        at = np.array(sorted(known))
        left = bent(at, np.array([known[place] for place in at.tolist()]))
        middle = np.sqrt(at[left] * at[left + 1])
        if not middle.size:
            break
        known |= dict(zip(middle.tolist(), np.asarray(values(middle)).tolist(), strict=True))
    return np.array(sorted(known))


def peaks(x: FloatArray, y: FloatArray, rise: float = 1.05) -> list[int]:
    """Places of inner maxima that stand above what lies before and behind them by the factor `rise`.

    Parameters
    ----------
    x, y : ndarray, shape (m,)
        In the order of `x`; what is not finite counts for nothing.
    rise : float

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.plotting.smooth import peaks
    >>> peaks(np.arange(6.0), np.array([3.0, 1.0, 2.0, 1.0, 0.5, 0.51]))
    [2]
    """
    found: list[int] = []
    good = np.flatnonzero(np.isfinite(y))
    for place in good[1:-1].tolist():
        before, behind = y[good[good < place]], y[good[good > place]]
        higher = np.flatnonzero(before >= y[place])
        lowest = before[higher[-1] :].min() if higher.size else before.min()
        higher = np.flatnonzero(behind > y[place])
        floor = behind[: higher[0]].min(initial=np.inf) if higher.size else behind.min()
        if y[place] >= rise * max(lowest, floor):
            found.append(place)
    return found
