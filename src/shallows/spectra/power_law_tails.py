"""Power-law tails of spectra (theory note, section 5; Clauset, Shalizi and Newman 2009)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._display import Displayed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray

#: A tail is fitted to no fewer values.
SMALLEST_TAIL = 10


@dataclass(frozen=True, repr=False)
class Tail(Displayed):
    """Power-law fit ``p(x) ~ x^-exponent`` above `start`.

    Attributes
    ----------
    exponent, stderr : float
        Maximum-likelihood exponent of the density and its standard error.
    start : float
        Where the tail begins: of all values the one whose fit is closest in the Kolmogorov-Smirnov sense.
    count : float
        Values in the tail.
    distance : float
        Kolmogorov-Smirnov distance of the fit.

    Examples
    --------
    >>> from shallows.spectra import Tail
    >>> Tail(exponent=2.0, stderr=0.1, start=1.0, count=100.0, distance=0.05).exponent
    2.0
    """

    exponent: float
    stderr: float
    start: float
    count: float
    distance: float


def fit_tail(values: ArrayLike, counts: ArrayLike | None = None) -> Tail | None:
    """Power-law tail of positive `values` with multiplicities `counts`, by maximum likelihood.

    The method of power-law packages (Clauset, Shalizi and Newman 2009): the start of the tail minimises the
    Kolmogorov-Smirnov distance. None for fewer than ``SMALLEST_TAIL`` values.

    Parameters
    ----------
    values : array_like, shape (m,)
        Those that are not positive or not finite are left out.
    counts : array_like, shape (m,), optional
        How many times each value stands; default once.

    Returns
    -------
    Tail or None

    Examples
    --------
    Values whose rank falls as ``1/x``: the density falls as ``x^-2``.

    >>> import numpy as np
    >>> from shallows.spectra import fit_tail
    >>> tail = fit_tail(1 / np.arange(1, 1001))
    >>> abs(tail.exponent - 2.0) < 2 * tail.stderr
    True
    >>> fit_tail([3.0, 2.0, 1.0]) is None
    True
    """
    x = np.asarray(values, dtype=float)
    c = np.ones_like(x) if counts is None else np.asarray(counts, dtype=float)
    keep = np.isfinite(x) & (x > 0) & (c > 0)
    order = np.argsort(-x[keep])
    x, c = x[keep][order], c[keep][order]
    if x.size < 2:
        return None
    start, hill, distance = closest_tails(x[None], c)
    if not np.isfinite(distance[0]):
        return None
    size = float(np.sum(c[: start[0] + 1]))
    exponent = float(1 + 1 / hill[0])
    return Tail(exponent, (exponent - 1) / math.sqrt(size), float(x[start[0]]), size, float(distance[0]))


def closest_tails(
    x: FloatArray, counts: FloatArray, smallest: float = SMALLEST_TAIL, places: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of many samples at once, the tail whose power law is closest in the Kolmogorov-Smirnov sense.

    Parameters
    ----------
    x : ndarray, shape (samples, m)
        Positive values, decreasing.
    counts : ndarray, shape (m,)
        Multiplicities.
    smallest : float
        A tail has no fewer values.
    places : ndarray of int, optional
        Which values may start a tail; default all.

    Returns
    -------
    start, hill, distance : ndarray, shape (samples,)
        Index of the first value of the tail, mean of the logarithms over the start, and the distance: infinite where
        there is no tail.
    """
    logs = np.log(x)
    total = np.cumsum(counts)
    sums = np.cumsum(counts * logs, axis=1)
    samples = np.arange(x.shape[0])
    start, hill, best = np.zeros(x.shape[0], dtype=int), np.ones(x.shape[0]), np.full(x.shape[0], np.inf)
    allowed = np.flatnonzero(total >= smallest) if places is None else places[total[places] >= smallest]
    for i in allowed:
        size = total[i]
        mean = sums[:, i] / size - logs[:, i]
        usable = (i > 0) & (mean > 0) & (x[:, i] < x[:, 0])
        safe = np.where(usable, mean, 1.0)
        # Survival just below and above each value, against the fit's.
        fitted = np.exp((logs[:, i, None] - logs[:, : i + 1]) / safe[:, None])
        above = total[: i + 1] / size
        below = above - counts[: i + 1] / size
        distance = np.maximum(np.max(above - fitted, axis=1), np.max(fitted - below, axis=1))
        better = samples[usable & (distance < best)]
        start[better], hill[better], best[better] = i, mean[better], distance[better]
    return start, hill, best
