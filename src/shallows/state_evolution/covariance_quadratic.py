"""State evolution of the quadratic network for inputs with a covariance (theory note, section 13).

The denoiser is ``(U - zeta C)_+`` with ``C = Sigma^-1``, so that all is said by the free convolution of the eigenvalues
``D_k`` of ``D = M* - zeta C`` with the semicircle, cut at zero, beside the costs ``e_k = zeta C_kk`` and the modes
``t_k = D_k + e_k`` in the eigenvectors of ``D``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from ..freeprob.contour import (
    _FINE_NODES,
    _FINE_WEIGHTS,
    _NODES,
    _WEIGHTS,
    FASTMATH,
    PANEL,
    find_quantile,
    height,
    nearest_atom,
    position,
    stieltjes,
)


@njit(cache=True)
def point_over_zero(variance, s, w, start):
    """Point ``(u, v)`` of the subordination curve over ``x = 0``: Newton's method from `start`, or bracketing.

    In the upper half-plane ``H(z) = 0`` has at most one solution, so that one which is found there is the right one.
    """
    scale = math.sqrt(variance)
    z = start * scale
    for _ in range(12):
        if not z.imag > 1e-3 * scale:
            break
        g_re, g_im, d_re, d_im = stieltjes(z.real, z.imag, s, w)
        step = (z + variance * complex(g_re, g_im)) / (1.0 - variance * complex(d_re, d_im))
        z -= step
        if abs(step) <= 1e-13 * abs(z) and z.imag > 1e-3 * scale:
            return z.real, z.imag
    # |x(u) - u| = delta^2 |Re g| is at most delta for a measure of mass up to one.
    low, high = -scale * (1 + 1e-9), scale * (1 + 1e-9)
    f_low, f_high = position(low, variance, s, w)[0], position(high, variance, s, w)[0]
    for i in range(200):
        t = 0.5
        if i % 3 != 2 and f_high > f_low:
            t = min(max(-f_low / (f_high - f_low), 0.02), 0.98)
        u = low + t * (high - low)
        x, v = position(u, variance, s, w)
        if x == 0.0 or high - low <= 4e-16 * scale:
            return u, v
        if x < 0.0:
            low, f_low = u, x
        else:
            high, f_high = u, x
        if abs(x) <= 1e-15 * scale:
            return u, v
    u = 0.5 * (low + high)
    return u, height(u, variance, s, w)


@njit(cache=True, fastmath=FASTMATH, error_model="numpy")
def _sums(a, b, s, e, g, t, w, near):
    """Sums over the atoms at ``z = a + i b``.

    Of ``w/(z-s)``, ``w e/(z-s)`` and ``w g/(z-s)`` over the first `near` ones,
    of ``w/(z-s)`` and ``w t/(z-s)`` over the others, and of ``w/(z-s)^2`` over all, which is returned second.
    """
    g_re = 0.0
    g_im = 0.0
    d_re = 0.0
    d_im = 0.0
    e_re = 0.0
    e_im = 0.0
    k_re = 0.0
    k_im = 0.0
    for k in range(near):
        x = a - s[k]
        q = 1.0 / (x * x + b * b)
        re = w[k] * x * q
        im = -w[k] * b * q
        g_re += re
        g_im += im
        d_re += q * (x * re + b * im)
        d_im += q * (x * im - b * re)
        e_re += e[k] * re
        e_im += e[k] * im
        k_re += g[k] * re
        k_im += g[k] * im
    f_re = 0.0
    f_im = 0.0
    t_re = 0.0
    t_im = 0.0
    for k in range(near, s.size):
        x = a - s[k]
        q = 1.0 / (x * x + b * b)
        re = w[k] * x * q
        im = -w[k] * b * q
        f_re += re
        f_im += im
        d_re += q * (x * re + b * im)
        d_im += q * (x * im - b * re)
        t_re += t[k] * re
        t_im += t[k] * im
    return (
        complex(g_re, g_im),
        complex(d_re, d_im),
        complex(e_re, e_im),
        complex(k_re, k_im),
        complex(f_re, f_im),
        complex(t_re, t_im),
    )


@njit(cache=True)
def _add(out, z, dz, variance, s, e, g, t, w, near):
    """Add the integrands of error and degrees of freedom at `z` times `dz` to `out`."""
    g_near, slope, g_cost, g_gain, g_far, g_modes = _sums(z.real, z.imag, s, e, g, t, w, near)
    total = g_near + g_far
    lift = -variance * slope
    full = 1.0 + lift
    f = z + variance * total
    noise = variance * total
    inner = noise * noise * g_near - 2.0 * noise * g_cost + f * (f * g_far - 2.0 * g_modes)
    out[0] += ((inner * full + lift * g_gain) * dz).imag
    out[1] += (f * total * total * full * dz).imag


@njit(cache=True)
def integrals_above(u, v, variance, s, e, g, t, w, near, fine):
    """``-(1/pi) Im`` of the integrals of :func:`_add` over the part of the spectrum above ``x(u)``."""
    out = np.zeros(2)
    nodes, weights = (_FINE_NODES, _FINE_WEIGHTS) if fine else (_NODES, _WEIGHTS)
    radius = 3.0 * max(s[0] - u, v)
    start = max(v, 0.5 * nearest_atom(u, s))
    length = radius - v
    top = math.log1p(length / start)
    panels = max(1, int(math.ceil(top / PANEL)))
    size = top / panels
    for i in range(panels):
        for j in range(nodes.size):
            y = (i + nodes[j]) * size
            dz = 1j * (start * math.exp(y) * size * weights[j])
            _add(out, complex(u, v + start * math.expm1(y)), dz, variance, s, e, g, t, w, near)
    quarter = 0.5 * math.pi
    for j in range(nodes.size):
        angle = quarter * (1.0 - nodes[j])
        arm = radius * complex(math.cos(angle), math.sin(angle))
        _add(out, u + arm, -1j * arm * (quarter * weights[j]), variance, s, e, g, t, w, near)
    return -out / math.pi


@njit(cache=True)
def shrunk_moments(u, v, variance, s, e, w, fine):
    """``(E, A)`` of the estimator that keeps ``x > x(u)``; atoms `s`, decreasing, with costs `e`.

    Written so that the modes of the teacher, which may be large, do not cancel: the error on what is learned is of the
    size of noise and costs. Atoms whose costs are far larger than everything learned enter by their modes instead.
    """
    t = s + e
    energy = 0.0
    for k in range(s.size):
        energy += w[k] * t[k] * t[k]
    if u >= s[0] and v == 0.0:
        return energy, 0.0
    reach = 3.0 * max(s[0] - u, v)
    limit = -math.sqrt(reach * reach * reach / math.sqrt(variance))
    near = 0
    while near < s.size and s[near] >= limit:
        near += 1
    found = integrals_above(u, v, variance, s, e, -s * (e + t), t, w, near, fine)
    closed = 0.0
    mass = 0.0
    share = 0.0
    for k in range(s.size):
        above = math.atan2(v, u - s[k])
        share += w[k] * above
        if k < near:
            mass += w[k]
            closed += w[k] * (t[k] * t[k] * math.atan2(v, s[k] - u) + e[k] * e[k] * above)
        else:
            closed += math.pi * w[k] * t[k] * t[k]
    edge = 0.0
    if v > 0.0:
        g_re, g_im, _, _ = stieltjes(u, v, s, w)
        edge = variance * variance * g_re * g_im
    error = found[0] + (closed + mass * (variance * share + edge)) / math.pi
    return error, found[1]


@njit(cache=True)
def atoms_of(threshold, modes, costs, counts, ordered):
    """Atoms ``modes - threshold costs``, decreasing, with their costs and weights."""
    s = modes - threshold * costs
    if ordered:
        return s, threshold * costs, counts
    order = np.argsort(-s)
    return s[order], threshold * costs[order], counts[order]


@njit(cache=True)
def covariance_moments(threshold, variance, rank_share, modes, costs, counts, ordered, start, fine):
    """``(E, A, start)`` at a threshold; `start` is the point over zero in noise scales, to begin with and found."""
    s, e, w = atoms_of(threshold, modes, costs, counts, ordered)
    u, v = point_over_zero(variance, s, w, start)
    scale = math.sqrt(variance)
    found = complex(u, v) / scale
    if rank_share < 1.0:
        cut = find_quantile(rank_share, variance, s, w)
        if cut > u:
            u, v = cut, height(cut, variance, s, w)
    error, freedom = shrunk_moments(u, v, variance, s, e, w, fine)
    return error, freedom, found
