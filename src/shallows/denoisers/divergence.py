"""Degrees of freedom of spectral rules on given eigenvalues (theory note, section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray


def spectral_divergence(values: FloatArray, denoised: FloatArray, slopes: FloatArray) -> float:
    """``A = (1/d^2) [sum_{i != j} (f_i - f_j)/(x_i - x_j) + 2 sum_i f'_i]`` of a spectral denoiser.

    Theory note, section 9. Where two eigenvalues agree to rounding the quotient is the mean of the slopes.

    Parameters
    ----------
    values : ndarray, shape (d,)
        Eigenvalues ``x_i``, increasing.
    denoised : ndarray, shape (d,)
        Their images ``f_i``.
    slopes : ndarray, shape (d,)
        The derivative ``f'_i`` there.

    Returns
    -------
    float
        ``A``; ``A d^2/2`` is the number of degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import spectral_divergence
    >>> x = np.array([-1.0, 0.5, 2.0])
    >>> spectral_divergence(x, 3 * x, np.full(3, 3.0))  # 3 d (d + 1)/d^2
    4.0
    """
    gaps = values[:, None] - values[None, :]
    close = np.abs(gaps) <= 1e-10 * max(abs(values[0]), abs(values[-1]), 1e-300)
    gaps[close] = 1.0
    quotients = (denoised[:, None] - denoised[None, :]) / gaps
    mean = 0.5 * (slopes[:, None] + slopes[None, :])
    quotients[close] = mean[close]
    total = quotients.sum() - np.trace(quotients)
    return float(total + 2 * slopes.sum()) / values.size**2


def soft_divergence(values: FloatArray, threshold: float, limit: int | None = None) -> float:
    """The ``A`` of :func:`spectral_divergence` for ``f(x) = max(x - threshold, 0)`` on the largest eigenvalues.

    Parameters
    ----------
    values : ndarray, shape (d,)
        Eigenvalues, increasing.
    threshold : float
        ``zeta``, in their units.
    limit : int, optional
        At most so many eigenvalues stay; default: all above the threshold.

    Returns
    -------
    float
        ``A``.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import soft_divergence
    >>> round(soft_divergence(np.array([-1.0, 1.0, 3.0]), threshold=2.0), 6)  # 3.5/9
    0.388889
    """
    count = int(values.size - np.searchsorted(values, threshold, side="right"))
    if limit is not None:
        count = min(count, limit)
    if count == 0:
        return 0.0
    kept, dropped = values[values.size - count :], values[: values.size - count]
    total = count * (count + 1.0)
    if dropped.size:
        gaps = np.maximum(kept[:, None] - dropped[None, :], 1e-300)
        total += 2 * float(((kept - threshold)[:, None] / gaps).sum())
    return total / values.size**2
