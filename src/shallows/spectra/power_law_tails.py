"""Power-law tails of spectra (theory note, section 5; Clauset, Shalizi and Newman 2009)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._display import Displayed

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

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
    total = np.cumsum(c)
    best: Tail | None = None
    for i in np.flatnonzero(total >= SMALLEST_TAIL):
        if i == 0 or x[i] == x[0]:
            continue
        logs = np.log(x[: i + 1] / x[i])
        weight = c[: i + 1]
        size = float(total[i])
        hill = float(weight @ logs) / size
        if hill <= 0:
            continue
        # Survival just below and above each value, against the fit's.
        above = total[: i + 1] / size
        fitted = np.exp(-logs / hill)
        distance = float(np.max(np.maximum(np.abs(above - fitted), np.abs(above - weight / size - fitted))))
        if best is None or distance < best.distance:
            best = Tail(1 + 1 / hill, 1 / (hill * math.sqrt(size)), float(x[i]), size, distance)
    return best
