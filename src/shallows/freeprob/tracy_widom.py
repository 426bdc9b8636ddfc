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
#: Beyond this the Airy function is below what doubles resolve, below it the distribution function.
LOWEST, HIGHEST = -12.0, 90.0


@cache
def _nodes() -> tuple[FloatArray, FloatArray]:
    """Nodes and weights on the unit interval."""
    x, weight = np.polynomial.legendre.leggauss(NODES)
    return 0.5 * (x + 1), 0.5 * weight


def log_distribution(x: ArrayLike) -> FloatArray:
    """Logarithm of the distribution function at `x`; between -12 and 90, beyond which the ends are taken."""
    points = np.clip(np.asarray(x, dtype=float), LOWEST, HIGHEST)
    flat = points.reshape(-1)
    unit, weight = _nodes()
    reach = np.where(flat > 0, 16 / np.sqrt(4 + np.maximum(flat, 0)), 8 - flat)  # Ai(2 x + s) has vanished there
    nodes = reach[:, None] * unit
    kernel = airy(nodes[:, :, None] + nodes[:, None, :] + flat[:, None, None])[0]
    root = np.sqrt(reach[:, None] * weight)
    eigenvalues = np.linalg.eigvalsh(root[:, :, None] * kernel * root[:, None, :])
    return np.sum(np.log1p(-np.minimum(eigenvalues, 1 - 1e-16)), axis=1).reshape(points.shape)


def survival(x: ArrayLike) -> FloatArray:
    """Probability of a value above `x`."""
    return -np.expm1(log_distribution(x))


def upper_quantile(probability: float) -> float:
    """The value that is exceeded with `probability`."""
    return float(brentq(lambda x: math.log(float(survival(x))) - math.log(probability), LOWEST + 3, HIGHEST))


def largest_of_noise(rows: int, columns: int) -> tuple[float, float]:
    """Centre and scale of the largest eigenvalue of ``X X^T``, entries of variance 1 (Johnstone 2001, Ma 2012).

    ``(largest - centre) / scale`` follows the Tracy-Widom law to second order in the size.
    """
    a, b = math.sqrt(rows - 0.5), math.sqrt(columns - 0.5)
    return (a + b) ** 2, (a + b) * (1 / a + 1 / b) ** (1 / 3)
