"""The Tracy-Widom law of real matrices: where the largest eigenvalue of noise lies.

Its distribution function is the Fredholm determinant ``det(1 - B_s)`` with ``B_s(x, y) = Ai(x + y + s)`` on the
positive half line (Ferrari and Spohn 2005). Gauss-Legendre nodes give it to the accuracy of the Airy function
(Bornemann 2010): no table, and the upper tail keeps its relative accuracy, since the eigenvalues of the kernel do.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import airy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray

#: Moments of the law.
MEAN, STANDARD_DEVIATION = -1.2065335745820, 1.2680340580
#: Nodes of the quadrature: against 200 of them nothing changes by more than 1e-14 of the value above -5, or 1e-15.
NODES = 48
#: As many do above :data:`RIGHT`, to the same 1e-14.
NODES_RIGHT, RIGHT = 24, -1.0
#: Beyond this the Airy function is below what doubles resolve, below it the distribution function.
LOWEST, HIGHEST = -12.0, 90.0
#: Above this the determinant is 1 less the trace, to the rounding of its logarithm: the trace there is below 1e-16.
FAR = 14.0


@cache
def _nodes(count: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on the unit interval."""
    x, weight = np.polynomial.legendre.leggauss(count)
    return 0.5 * (x + 1), 0.5 * weight


def log_distribution(x: ArrayLike) -> FloatArray:
    """Logarithm of the distribution function at `x`; between -12 and 90, beyond which the ends are taken."""
    points = np.clip(np.asarray(x, dtype=float), LOWEST, HIGHEST)
    flat = points.reshape(-1)
    found = np.empty(flat.shape)
    far, left = flat > FAR, flat <= RIGHT
    found[far] = -_trace(flat[far])
    for part, count in ((left, NODES), (~left & ~far, NODES_RIGHT)):
        if part.any():
            found[part] = _determinant(flat[part], count)
    return found.reshape(points.shape)


def _rule(points: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights for each of the points, as far as the Airy function reaches: it vanishes at ``2 x + s``."""
    unit, weight = _nodes(count)
    reach = np.where(points > 0, 16 / np.sqrt(4 + np.maximum(points, 0)), 8 - points)
    return reach[:, None] * unit, reach[:, None] * weight


def _determinant(points: FloatArray, count: int) -> FloatArray:
    """Logarithm of the determinant at each of the points."""
    nodes, weight = _rule(points, count)
    kernel = airy(nodes[:, :, None] + nodes[:, None, :] + points[:, None, None])[0]
    root = np.sqrt(weight)
    eigenvalues = np.linalg.eigvalsh(root[:, :, None] * kernel * root[:, None, :])
    return np.asarray(np.sum(np.log1p(-np.minimum(eigenvalues, 1 - 1e-16)), axis=1))


def _trace(points: FloatArray) -> FloatArray:
    """Trace of the kernel at each of the points."""
    nodes, weight = _rule(points, NODES_RIGHT)
    return np.asarray(np.sum(weight * airy(2 * nodes + points[:, None])[0], axis=1))


def survival(x: ArrayLike) -> FloatArray:
    """Probability of a value above `x`."""
    return -np.expm1(log_distribution(x))


@cache
def upper_quantile(probability: float) -> float:
    """The value that is exceeded with `probability`."""
    return float(brentq(lambda x: math.log(float(survival(x))) - math.log(probability), LOWEST + 3, HIGHEST))


def largest_of_noise(rows: int, columns: int) -> tuple[float, float]:
    """Centre and scale of the largest eigenvalue of ``X X^T``, entries of variance 1 (Johnstone 2001, Ma 2012).

    ``(largest - centre) / scale`` follows the Tracy-Widom law to second order in the size.
    """
    a, b = math.sqrt(rows - 0.5), math.sqrt(columns - 0.5)
    return (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)
