"""The threshold that belongs to a penalty, on the present spectrum (theory note, sections 9 and 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..denoisers.divergence import soft_divergence

if TYPE_CHECKING:
    from .._types import FloatArray


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
    # At a jump of A the fraction of the jump that solves the equation: AMP then has its fixed point there.
    return zeta, 0.5 * (4 * alpha - penalty / zeta) if zeta > 0 else divergence
