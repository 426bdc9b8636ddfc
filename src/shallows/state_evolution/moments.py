"""Error and degrees of freedom of the two soft-threshold estimators at given noise scale and threshold.

Diagonal: closed Gaussian averages (theory note, section 2). Quadratic: contour integrals of the free
convolution (theory note, section 3), any width (section 4).
"""

from __future__ import annotations

import math

from numba import njit

from ..freeprob.contour import (
    FASTMATH,
    find_position,
    find_quantile,
    height,
    learned_error,
    path_integrals,
    unlearned,
)

_ROOT2 = math.sqrt(2.0)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


@njit(cache=True)
def tail(x):
    """``P(Z > x)`` for a standard normal `Z`."""
    return 0.5 * math.erfc(x / _ROOT2)


@njit(cache=True)
def normal_density(x):
    """Density of the standard normal."""
    return _DENSITY * math.exp(-0.5 * x * x)


@njit(cache=True)
def _excess_moments(x):
    """``E[(Z-x)_+]``, ``E[(Z-x)_+^2]`` and ``P(Z > x)`` without cancellation for large `x`."""
    p = tail(x)
    phi = normal_density(x)
    if x < 12.0:
        return phi - x * p, max((1.0 + x * x) * p - x * phi, 0.0), p
    t = 1.0 / (x * x)
    return phi * t * (1.0 - t * (3.0 - 15.0 * t)), 2.0 * phi * t / x * (1.0 - t * (6.0 - 45.0 * t)), p


@njit(cache=True)
def soft_threshold_moments(mode, tau, zeta):
    """``(E[(eta(mode + tau Z) - mode)^2], P(eta != 0))`` of the soft threshold `eta` at `zeta`, `mode` ``>= 0``."""
    x = mode / tau
    c = zeta / tau
    if x - c > 38.0:
        return tau * tau + zeta * zeta, 1.0
    if c - x > 38.0:
        return mode * mode, 0.0
    lower = c - x
    upper = c + x
    if lower < 0.0:
        p_up = tail(lower)
        p_down = tail(upper)
        inside = max(tail(-lower) - p_down, 0.0)
        risk = (
            (1.0 + c * c) * (p_up + p_down)
            + x * x * inside
            - upper * normal_density(lower)
            - lower * normal_density(upper)
        )
        return tau * tau * risk, p_up + p_down
    first, second, p_up = _excess_moments(lower)
    first_down, second_down, p_down = _excess_moments(upper)
    return tau * tau * (second + second_down + x * (x - 2.0 * (first - first_down))), p_up + p_down


@njit(cache=True, fastmath=FASTMATH, error_model="numpy")
def diagonal_moments(zeta, tau, s, counts):
    """``(R, D)``: sums over modes `s` with multiplicities `counts` of :func:`soft_threshold_moments`."""
    risk = 0.0
    dof = 0.0
    for k in range(s.size):
        r, p = soft_threshold_moments(s[k], tau, zeta)
        risk += counts[k] * r
        dof += counts[k] * p
    return risk, dof


@njit(cache=True)
def energy_of(s, w):
    """``sum w s^2``."""
    total = 0.0
    for k in range(s.size):
        total += w[k] * s[k] * s[k]
    return total


@njit(cache=True)
def quadratic_moments(u, zeta, variance, s, w, fine):
    """``(E, A)`` of the estimator ``max(x - zeta, 0)`` kept above ``x(u)`` only."""
    v = height(u, variance, s, w)
    energy = energy_of(s, w)
    if u >= s[0] and v == 0.0:
        return energy, 0.0
    integrals = path_integrals(u, v, zeta, variance, s, w, fine)
    error = energy + integrals[0] - 2.0 * integrals[1]
    # Where much is learned that difference cancels: build the same number from small terms.
    if error < 0.2 * energy:
        error = unlearned(u, v, variance, s, w, integrals[3]) + learned_error(u, v, zeta, variance, s, w, integrals)
    return error, integrals[2]


@njit(cache=True)
def quadratic_moments_at(noise_scale, threshold, rank_share, s, w):
    """``(E, A)`` at any noise scale and threshold; `rank_share` is ``p/d`` (1 or more: no limit on the rank)."""
    variance = noise_scale * noise_scale
    u = find_position(threshold, variance, s, w)
    if rank_share < 1.0:
        u = max(u, find_quantile(rank_share, variance, s, w))
    return quadratic_moments(u, threshold, variance, s, w, True)
