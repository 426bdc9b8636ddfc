"""Degrees of freedom of spectral denoisers, and the threshold that belongs to a penalty (theory note, 9, 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def spectral_divergence(values: FloatArray, denoised: FloatArray, slopes: FloatArray) -> float:
    """``A = (1/d^2) [sum_{i != j} (f_i - f_j)/(x_i - x_j) + 2 sum_i f'_i]`` of a spectral denoiser.

    All arrays of shape (d,): eigenvalues, their images and the derivative there. Where two eigenvalues agree to
    rounding the quotient is the mean of the slopes.
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
    """The same for ``max(x - threshold, 0)`` on at most the `limit` largest of the increasing `values`."""
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


def threshold_for_penalty(
    values: FloatArray, alpha: float, penalty: float, limit: int | None = None
) -> tuple[float, float]:
    """The ``(zeta, A)`` with ``zeta (4 alpha - 2 A(zeta)) = pen`` on the increasing eigenvalues `values`.

    The left side increases with ``zeta`` from where it becomes positive, so the root is unique. Where `A` stays below
    ``2 alpha`` down to ``zeta = 0`` and the penalty is zero, ``zeta = 0``.
    """
    top = float(values[-1])
    if top <= 0 or top * 4 * alpha <= penalty:
        return (penalty / (4 * alpha), 0.0)
    low, high = 0.0, top

    def excess(zeta: float) -> tuple[float, float]:
        divergence = soft_divergence(values, zeta, limit)
        return zeta * (4 * alpha - 2 * divergence) - penalty, divergence

    at_low, divergence = excess(low)
    if penalty == 0.0 and divergence < 2 * alpha:
        return 0.0, divergence
    at_high = excess(high)[0]
    # Illinois regula falsi: the excess is piecewise smooth, and each evaluation costs rank x (d - rank).
    side, zeta = 0, high
    for _ in range(100):
        zeta = (low * at_high - high * at_low) / (at_high - at_low) if at_low < 0 < at_high else 0.5 * (low + high)
        value, divergence = excess(zeta)
        if high - low <= 1e-14 * high or abs(value) <= 1e-13 * max(penalty, 1e-300):
            break
        if value < 0:
            low, at_low = zeta, value
            if side == -1:
                at_high *= 0.5
            side = -1
        else:
            high, at_high = zeta, value
            if side == 1:
                at_low *= 0.5
            side = 1
    return zeta, divergence
