"""The proximal map of ``zeta |theta|^q`` for ``0 < q <= 1``: what depth makes of the soft threshold (theory note, 14).

Everything follows from that of ``zeta = 1``: with ``c = zeta^(1/(2-q))`` it is ``c eta_1(u/c)``, and ``eta_1`` jumps
from 0 to ``t_c = (2 (1-q))^(1/(2-q))`` where observations pass ``u_c = t_c + q t_c^(q-1)``; beyond,
``u = t + q t^(q-1)``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ._kernels import kernel

if TYPE_CHECKING:
    from ._types import FloatArray


@kernel
def jump_of(q):
    """``(u_c, t_c)``: where the map of unit strength jumps from zero, and to what; ``(1, 0)`` for ``q = 1``."""
    if q == 1.0:
        return 1.0, 0.0
    t = (2.0 * (1.0 - q)) ** (1.0 / (2.0 - q))
    return t + q * t ** (q - 1.0), t


@kernel
def beyond_jump(u, q):
    """``t`` with ``t + q t^(q-1) = u``, the larger of the two, for ``u >= u_c``."""
    if q == 1.0:
        return u - 1.0
    t = u - q * u ** (q - 1.0)
    for _ in range(60):  # Newton's method on a convex function, from the right
        power = q * t ** (q - 2.0)
        step = t * (1.0 + power) - u
        step /= 1.0 - (1.0 - q) * power
        t -= step
        if abs(step) <= 1e-8 * t:  # what is left is its square
            break
    return t


@kernel
def _apply(observed, q, c, out):
    edge, _ = jump_of(q)
    for i in range(observed.size):
        size = abs(observed[i])
        out[i] = 0.0 if size <= edge * c else math.copysign(c * beyond_jump(size / c, q), observed[i])


def power_prox(observed: FloatArray, threshold: float, q: float) -> FloatArray:
    """``argmin_t (u - t)^2/2 + zeta |t|^q`` for each of the observations.

    Parameters
    ----------
    observed : ndarray
        ``u``, of any shape.
    threshold : float
        ``zeta >= 0``, in units of the observations to the power ``2 - q``.
    q : float
        ``0 < q <= 1``.

    Returns
    -------
    ndarray
        Of the shape of `observed`. At the jump itself, where two values do as well, zero.
    """
    if threshold == 0.0:
        return np.array(observed, dtype=float)
    flat = np.array(observed, dtype=float, order="C").ravel()
    out = np.empty_like(flat)
    _apply(flat, q, threshold ** (1 / (2 - q)), out)
    return out.reshape(np.shape(observed))


def slopes(values: FloatArray, threshold: float, q: float) -> FloatArray:
    """``d eta/du`` at estimates ``eta = values`` that are not zero: ``1/(1 - q (1-q) zeta |eta|^(q-2))``."""
    if threshold == 0.0 or q == 1.0:
        return np.ones_like(values)
    return np.asarray(1 / (1 - q * (1 - q) * threshold * np.abs(values) ** (q - 2)))
