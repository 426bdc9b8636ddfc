"""State evolution of the quadratic network for inputs with a covariance (theory note, section 13).

The denoiser is ``(U - zeta C)_+`` with ``C = Sigma^-1``, so that all is said by the free convolution of the eigenvalues
``D_k`` of ``D = M* - zeta C`` with the semicircle, cut at zero, beside the costs ``e_k = zeta C_kk`` and the modes
``t_k = D_k + e_k`` in the eigenvectors of ``D``.
"""

from __future__ import annotations

import math

import numpy as np

from .._kernels import kernel
from ..freeprob.contour import (
    FASTMATH,
    atoms_above,
    find_quantile,
    grading,
    height,
    position,
    stieltjes,
    transform_sums,
)
from ..freeprob.paths import FINE, NO_BRANCH, USUAL, nodes_of, path_above


@kernel
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


@kernel(fastmath=FASTMATH, error_model="numpy")
def _lead_sums(a, b, s, e, g, w, lead):
    """Over the first `lead` atoms, at ``z = a + i b``: ``w/(z-s)``, ``w/(z-s)^2``, ``w e/(z-s)`` and ``w g/(z-s)``."""
    g_re = 0.0
    g_im = 0.0
    d_re = 0.0
    d_im = 0.0
    e_re = 0.0
    e_im = 0.0
    k_re = 0.0
    k_im = 0.0
    for k in range(lead):
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
    return complex(g_re, g_im), complex(d_re, d_im), complex(e_re, e_im), complex(k_re, k_im)


@kernel
def _add(out, z, dz, variance, s, e, g, t, w, lead):
    """Add to `out` the integrands of error and degrees of freedom at `z` times `dz`, less those of the rest alone."""
    g_lead, d_lead, g_cost, g_gain = _lead_sums(z.real, z.imag, s, e, g, w, lead)
    g_rest, d_rest, g_modes = transform_sums(z.real, z.imag, s, t, w, lead, s.size)
    total = g_lead + g_rest
    slope = -variance * d_lead
    full = 1.0 + slope - variance * d_rest
    f_rest = z + variance * g_rest
    shift = variance * g_lead
    f = f_rest + shift
    noise = variance * total
    own = (noise * noise * g_lead - 2.0 * noise * g_cost) * full + (full - 1.0) * g_gain
    squares = shift * (f + f_rest) * full + f_rest * f_rest * slope
    overlap = shift * full + f_rest * slope
    out[0] += ((own + g_rest * squares - 2.0 * g_modes * overlap) * dz).imag
    products = g_lead * (total + g_rest)
    out[1] += ((shift * total * total * full + f_rest * (products * full + g_rest * g_rest * slope)) * dz).imag


@kernel
def _add_rest(out, z, dz, variance, s, t, w, lead):
    """Add what :func:`_add` took off: analytic right of all these atoms."""
    g_rest, d_rest, g_modes = transform_sums(z.real, z.imag, s, t, w, lead, s.size)
    f = z + variance * g_rest
    full = 1.0 - variance * d_rest
    out[0] += ((f * g_rest - 2.0 * g_modes) * f * full * dz).imag
    out[1] += (f * g_rest * g_rest * full * dz).imag


@kernel
def integrals_above(u, v, variance, s, e, g, t, w, lead, fine):
    """``-(1/pi) Im`` of the integrals of error and degrees of freedom over the part of the spectrum above ``x(u)``."""
    out = np.zeros(2)
    fineness = FINE if fine else USUAL
    if v > 0.0 and lead < s.size:
        nodes, weights = nodes_of(fineness)
        for j in range(nodes.size):
            _add_rest(out, complex(u, v * nodes[j]), -1j * (v * weights[j]), variance, s, t, w, lead)
    points, steps = path_above(u, v, s[0], grading(u, v, s), NO_BRANCH, fineness)
    for j in range(points.size):
        _add(out, points[j], steps[j], variance, s, e, g, t, w, lead)
    return -out / math.pi


@kernel
def shrunk_moments(u, v, variance, s, e, t, w, fine):
    """``(E, A)`` of the estimator that keeps ``x > x(u)``; atoms `s`, decreasing, costs `e`, modes ``t = s + e``.

    Nothing that is large cancels: atoms about the cut and above it enter by their costs, so that the error on what is
    learned is of the size of noise and costs, however large the modes; the others enter by their modes, so that it is
    a share of them, however large the costs.
    """
    energy = 0.0
    for k in range(s.size):
        energy += w[k] * t[k] * t[k]
    if u >= s[0] and v == 0.0:
        return energy, 0.0
    lead = atoms_above(u - 2.0 * v, s)
    found = integrals_above(u, v, variance, s, e, -s * (e + t), t, w, lead, fine)
    closed = 0.0
    mass = 0.0
    share = 0.0
    for k in range(s.size):
        above = math.atan2(v, u - s[k])
        share += w[k] * above
        if k < lead:
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


@kernel
def atoms_of(threshold, modes, costs, counts, ordered):
    """Atoms ``modes - threshold costs``, decreasing, with their costs, modes and weights."""
    s = modes - threshold * costs
    if ordered:
        return s, threshold * costs, modes, counts
    order = np.argsort(-s)
    return s[order], threshold * costs[order], modes[order], counts[order]


@kernel
def covariance_moments(threshold, variance, rank_share, modes, costs, counts, ordered, start, fine):
    """``(E, A, start)`` at a threshold; `start` is the point over zero in noise scales, to begin with and found."""
    s, e, t, w = atoms_of(threshold, modes, costs, counts, ordered)
    u, v = point_over_zero(variance, s, w, start)
    scale = math.sqrt(variance)
    found = complex(u, v) / scale
    if rank_share < w.sum() * (1 - 1e-9):  # inputs may have fewer directions than the network has units
        cut = find_quantile(rank_share, variance, s, w)
        if cut > u:
            u, v = cut, height(cut, variance, s, w)
    error, freedom = shrunk_moments(u, v, variance, s, e, t, w, fine)
    return error, freedom, found


@kernel
def lost_energy(u, v, variance, s, energies, w):
    """``sum w_k energies_k P(x < x(u) | k)``: energy of the teacher below the cut."""
    closed = 0.0
    total = 0.0
    for k in range(s.size):
        total += w[k] * energies[k]
        closed += w[k] * energies[k] * (math.atan2(v, s[k] - u) / math.pi)
    if u >= s[0] and v == 0.0:
        return total
    # The conditional law of mode k has density -(1/pi) Im 1/(z - s_k); what z moves by noise is the integral.
    zeros = np.zeros(s.size)
    points, steps = path_above(u, v, s[0], grading(u, v, s), NO_BRANCH, FINE)
    moved = 0.0
    for j in range(points.size):
        _, d, gain, _ = _lead_sums(points[j].real, points[j].imag, s, energies, zeros, w, s.size)
        moved -= (variance * d * gain * steps[j]).imag
    return max(closed + moved / math.pi, 0.0)
