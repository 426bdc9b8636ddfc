"""A planted singular value in noise: where it shows, how much it fluctuates, and what undoes the noise.

Units of the theory note, section 16: noise entries of variance ``1/n``, shape ``beta = m/n <= 1``, ``n`` columns. A
planted `strength` shows beyond the edge if it exceeds ``beta^(1/4)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray


def threshold(beta: float) -> float:
    """Strength above which a planted singular value leaves the bulk."""
    return float(beta**0.25)


def shown(strength: ArrayLike, beta: float) -> FloatArray:
    """Singular value at which a planted one of `strength` shows; the edge for those below the threshold."""
    theta = np.maximum(np.asarray(strength, dtype=float), threshold(beta))
    return np.sqrt((1 + theta**2) * (beta + theta**2)) / theta


def strength_of(singular_value: ArrayLike, beta: float) -> FloatArray:
    """Strength of the planted singular value that shows at `singular_value`; the threshold within the bulk."""
    excess = np.maximum(np.asarray(singular_value, dtype=float) ** 2 - 1 - beta, 2 * np.sqrt(beta))
    return np.sqrt(0.5 * (excess + np.sqrt(np.maximum(excess**2 - 4 * beta, 0))))


def overlaps(strength: ArrayLike, beta: float) -> tuple[FloatArray, FloatArray]:
    """Squared overlaps of the singular vectors of the shorter and the longer side with the planted ones."""
    square = np.maximum(np.asarray(strength, dtype=float), threshold(beta)) ** 2
    excess = np.maximum(square - beta / square, 0)
    return excess / (square + beta), excess / (square + 1)


@dataclass(frozen=True)
class Fluctuation:
    """Standard deviation of what a planted singular value shows at, in Gaussian noise.

    The outlier solves ``a(y) b(y) = (1/strength - c(y))^2``, where ``a``, ``b`` and ``c`` are the resolvent between the
    planted vectors. Singular vectors of noise are uniformly distributed, hence the variances of the three; those of the
    bulk's eigenvalues are smaller by a factor of the size. At the outlier ``a = y / (strength^2 + beta)`` and ``b = y /
    (strength^2 + 1)``: their derivatives are rational, and all of it comes to one fraction.
    """

    rows: int
    columns: int

    def __call__(self, strength: ArrayLike) -> FloatArray:
        """Standard deviations for strengths above the threshold."""
        beta = self.rows / self.columns
        theta = np.asarray(strength, dtype=float)
        square = theta**2
        excess = np.maximum(square - beta / square, 0)
        variance = excess * (square + 0.5 * (1 + beta)) / self.columns
        return np.asarray(np.sqrt(variance) / (theta * shown(theta, beta)))


def shrink(singular_value: ArrayLike, noise_scale: float, shape: tuple[int, int]) -> FloatArray:
    """Singular values with the noise taken out of them, best in Frobenius norm.

    The optimal shrinker of Gavish and Donoho (2017): what is planted, times the overlaps of both singular vectors. The
    vectors as observed times these values are closer to what was planted than with any others.

    Parameters
    ----------
    singular_value : array_like
        As observed, in the units of the matrix.
    noise_scale : float
        Standard deviation of an entry of noise.
    shape : (int, int)
        Of the matrix.

    Returns
    -------
    ndarray
        Of the shape of `singular_value`; zero within the bulk.

    Examples
    --------
    >>> from shallows.diagnosis import shrink
    >>> shrink([30.0, 15.0], 1.0, (50, 100)).round(2)
    array([24.55,  0.  ])
    """
    short, long = sorted(shape)
    unit = noise_scale * np.sqrt(long)
    values = np.asarray(singular_value, dtype=float)
    if unit == 0:
        return values.copy()
    beta = short / long
    y = values / unit
    excess = np.maximum((y**2 - beta - 1) ** 2 - 4 * beta, 0)
    outside = y > 1 + np.sqrt(beta)
    return np.where(outside, np.sqrt(excess) / np.where(outside, y, 1.0), 0.0) * unit
