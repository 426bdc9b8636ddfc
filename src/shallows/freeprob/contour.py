"""Functionals of the free convolution with a semicircle, by contour integration.

Let ``mu`` be the free additive convolution of a discrete measure (atoms `s`, weights `w`) with the
semicircle of variance `variance` (radius ``2 delta``, ``delta^2 = variance``), and `g` its Stieltjes
transform. Biane's subordination writes ``z = H(w) = w + delta^2 G(w)`` and ``g(z) = G(w)`` with
``G(w) = sum_k w_k / (w - s_k)``, so the part of any functional that lies above a cut ``x_c`` is

    -(1/pi) Im  int  (analytic function of w)  dw

along a path in the upper half-plane from the point ``w_c = u + i v(u)`` over the cut to the real axis
right of every atom. The integrands are analytic in the whole upper half-plane, so the path stays
away from the real axis and the number of nodes depends neither on the number of bands nor on whether
spikes have merged: only on the logarithm of the ratio of the largest scale to the smallest.

Theory note, sections 3 and 5; P. Biane (1997).
"""

from __future__ import annotations

import math

import numpy as np

from .._kernels import kernel
from .bracketing import chandrupatla
from .paths import FINE, NO_BRANCH, USUAL, nodes_of, path_above, path_between

#: Reductions may be reordered, and divisions are not checked for zero (``error_model="numpy"``): together that lets the
#: innermost sums use vector instructions.
FASTMATH = {"reassoc", "contract", "nsz"}


@kernel(fastmath=FASTMATH, error_model="numpy")
def _density_sums(u, y, s, w):
    """``sum w/((u-s)^2+y)`` and ``sum w/((u-s)^2+y)^2``."""
    first = 0.0
    second = 0.0
    for k in range(s.size):
        t = 1.0 / ((u - s[k]) * (u - s[k]) + y)
        first += w[k] * t
        second += w[k] * t * t
    return first, second


@kernel
def height(u, variance, s, w):
    """``v(u)``: imaginary part of the subordination curve over real `u`, 0 outside the support.

    ``1/sum w/((u-s)^2+y)`` is concave and increasing in ``y = v^2`` (a weighted harmonic mean of affine
    functions), so Newton's method from below converges monotonically.
    """
    y = 0.0
    for k in range(s.size):  # each atom alone bounds y from below; also keeps the sums finite
        y = max(y, variance * w[k] - (u - s[k]) * (u - s[k]))
    for _ in range(200):
        first, second = _density_sums(u, y, s, w)
        excess = variance * first - 1.0
        if excess <= 0.0:
            break
        step = first * excess / second
        y += step
        if step <= 1e-15 * y:
            break
    return math.sqrt(y)


@kernel(fastmath=FASTMATH, error_model="numpy")
def stieltjes(a, b, s, w):
    """``G(a + i b)`` and ``sum w/(a + i b - s)^2 = -G'``, as four real numbers."""
    g_re = 0.0
    g_im = 0.0
    d_re = 0.0
    d_im = 0.0
    for k in range(s.size):
        x = a - s[k]
        t = 1.0 / (x * x + b * b)
        re = x * t
        im = -b * t
        g_re += w[k] * re
        g_im += w[k] * im
        d_re += w[k] * (re * re - im * im)
        d_im += w[k] * 2.0 * re * im
    return g_re, g_im, d_re, d_im


@kernel(fastmath=FASTMATH, error_model="numpy")
def transform_sums(a, b, s, t, w, first, last):
    """:func:`stieltjes` and ``sum w t/(a + i b - s)`` over the atoms ``first..last-1``, as three complex numbers."""
    g_re = 0.0
    g_im = 0.0
    d_re = 0.0
    d_im = 0.0
    m_re = 0.0
    m_im = 0.0
    for k in range(first, last):
        x = a - s[k]
        q = 1.0 / (x * x + b * b)
        re = w[k] * x * q
        im = -w[k] * b * q
        g_re += re
        g_im += im
        d_re += q * (x * re + b * im)
        d_im += q * (x * im - b * re)
        m_re += t[k] * re
        m_im += t[k] * im
    return complex(g_re, g_im), complex(d_re, d_im), complex(m_re, m_im)


@kernel
def edge_above(u, variance, s, w):
    """The upper edge of the band that `u` is in, if it is the next to come: inf where an atom comes before it.

    Where the height vanishes, ``variance sum w/(u-s)^2 - 1`` does, which is convex between two atoms: Newton's method
    from the left never passes it.
    """
    for _ in range(100):
        first = 0.0
        slope = 0.0
        for k in range(s.size):
            if u == s[k]:
                return math.inf
            t = 1.0 / (u - s[k])
            first += w[k] * t * t
            slope += 2.0 * w[k] * t * t * t
        if not slope > 0.0:
            return math.inf
        step = (first - 1.0 / variance) / slope
        for k in range(s.size):
            if u < s[k] <= u + step:
                return math.inf
        u += step
        if step <= 1e-15 * abs(u):
            return u
    return math.inf


@kernel
def position(u, variance, s, w):
    """``(x(u), v(u))``: point of the real axis under the subordination curve, and height of the curve."""
    v = height(u, variance, s, w)
    g_re = stieltjes(u, v, s, w)[0]
    return u + variance * g_re, v


@kernel
def _accumulate(out, point, dw, zeta, variance, s, w, split):
    """Add the integrands at `point` times `dw` to `out` (see :func:`path_integrals`).

    With ``split < s.size`` the same integrands of the atoms ``split..`` alone are taken off: analytically,
    as a sum of terms each proportional to a sum over the atoms ``..split-1``, so that a few spikes
    keep their relative accuracy next to a bulk of any mass.
    """
    a = point.real
    b = point.imag
    g, slope, m = transform_sums(a, b, s, s, w, 0, split)
    slope *= -variance
    if split == s.size:
        f = point - zeta + variance * g
        slope += 1.0
        fdz = f * slope * dw
        out[0] += (f * g * fdz).imag
        out[1] += (m * fdz).imag
        square = g * g * dw
        out[2] += (g * g * fdz).imag
        out[3] += (point * square).imag
        out[4] += square.imag
        out[5] += (g * square).imag
        return
    g_rest, slope_rest, m_rest = transform_sums(a, b, s, s, w, split, s.size)
    slope_rest = 1.0 - variance * slope_rest
    f_rest = point - zeta + variance * g_rest
    shift = variance * g
    f = f_rest + shift
    total = g + g_rest
    full = slope + slope_rest
    out[0] += ((shift * (f + f_rest) * total * full + f_rest * f_rest * (g * full + g_rest * slope)) * dw).imag
    out[1] += ((shift * (m + m_rest) * full + f_rest * (m * full + m_rest * slope)) * dw).imag
    squares = g * (total + g_rest)
    out[2] += ((shift * total * total * full + f_rest * (squares * full + g_rest * g_rest * slope)) * dw).imag
    out[3] += (point * squares * dw).imag
    out[4] += (squares * dw).imag
    out[5] += (g * (total * total + total * g_rest + g_rest * g_rest) * dw).imag


@kernel
def _accumulate_rest(out, point, dw, zeta, variance, s, w, split):
    """Add what :func:`_accumulate` took off."""
    g, slope, m = transform_sums(point.real, point.imag, s, s, w, split, s.size)
    f = point - zeta + variance * g
    fdz = f * (1.0 - variance * slope) * dw
    square = g * g
    out[0] += (f * g * fdz).imag
    out[1] += (m * fdz).imag
    out[2] += (square * fdz).imag
    square = square * dw
    out[3] += (point * square).imag
    out[4] += square.imag
    out[5] += (g * square).imag


@kernel
def grading(u, v, s):
    """Scale at ``u + i v`` from which panels are graded: height over the real axis, or distance to the closest atom."""
    nearest = math.inf
    for k in range(s.size):
        nearest = min(nearest, abs(u - s[k]))
    return max(v, 0.5 * nearest)


@kernel
def atoms_above(level, s):
    """How many of the decreasing atoms are at least `level`."""
    count = 0
    while count < s.size and s[count] >= level:
        count += 1
    return count


@kernel
def path_integrals(u, v, zeta, variance, s, w, fine):
    """Integrals over the part of the spectrum above ``x(u)``, with ``f(x) = x - zeta``.

    Returns an array of ``-(1/pi) Im int ... dw`` of

    0. ``f^2 G H'``  = integral of ``f^2 mu``;
    1. ``f S1 H'``   = overlap ``(1/d) sum_k s_k int f mu(dx|s_k)``, with ``S1 = sum w s/(w-s)``;
    2. ``f G^2 H'``  = ``2 int f Re g mu``: degrees of freedom `A`;
    3. ``w G^2``;  4. ``G^2``;  5. ``G^3``: building blocks of :func:`learned_error`.
    """
    out = np.zeros(6)
    if v == 0.0 and u >= s[0]:
        return out
    fineness = FINE if fine else USUAL
    # Atoms well left of the cut have no singularity on the way: their part is a short integral down to u.
    split = atoms_above(u - 2.0 * v, s)
    if v > 0.0 and split < s.size:
        nodes, weights = nodes_of(fineness)
        for j in range(nodes.size):
            point = complex(u, v * nodes[j])
            _accumulate_rest(out, point, -1j * (v * weights[j]), zeta, variance, s, w, split)
    points, steps = path_above(u, v, s[0], grading(u, v, s), NO_BRANCH, fineness)
    for j in range(points.size):
        _accumulate(out, points[j], steps[j], zeta, variance, s, w, split)
    return -out / math.pi


@kernel
def between_integrals(u, v, u_end, v_end, zeta, variance, s, w):
    """As :func:`path_integrals`, over the part of the spectrum between ``x(u)`` and ``x(u_end)`` only."""
    out = np.zeros(6)
    if u_end <= u:
        return out
    points, steps = path_between(u, v, grading(u, v, s), u_end, v_end, grading(u_end, v_end, s), NO_BRANCH, FINE)
    for j in range(points.size):
        _accumulate(out, points[j], steps[j], zeta, variance, s, w, s.size)
    return -out / math.pi


@kernel
def mass_above(u, v, variance, s, w):
    """Mass of ``mu`` above ``x(u)``: closed form."""
    total = 0.0
    for k in range(s.size):
        total += w[k] * math.atan2(v, u - s[k])
    if v > 0.0:
        g_re, g_im, _, _ = stieltjes(u, v, s, w)
        total += variance * g_re * g_im
    return max(total, 0.0) / math.pi


@kernel
def mass_below(u, v, variance, s, w):
    """Mass of ``mu`` below ``x(u)``, to relative accuracy (:func:`mass_above` is for the other side)."""
    total = 0.0
    for k in range(s.size):
        total += w[k] * math.atan2(v, s[k] - u)
    if v > 0.0:
        g_re, g_im, _, _ = stieltjes(u, v, s, w)
        total -= variance * g_re * g_im
    return max(total, 0.0) / math.pi


@kernel
def unlearned(u, v, variance, s, w, w_g2):
    """``(1/d) sum_k s_k^2 P(x < x(u) | s_k)``: energy of the teacher below the cut.

    `w_g2` is entry 3 of :func:`path_integrals` from the same cut. Written so that no term is larger than
    the noise variance or a positive sum over modes: nothing of the size of the teacher cancels.
    """
    energy = 0.0
    mean = 0.0
    share = 0.0
    for k in range(s.size):
        angle = math.atan2(v, u - s[k]) / math.pi
        energy += w[k] * s[k] * s[k] * (math.atan2(v, s[k] - u) / math.pi)
        mean += w[k] * s[k]
        share += w[k] * angle
    edge = 0.0
    if v > 0.0:
        g_re, g_im, _, _ = stieltjes(u, v, s, w)
        point = complex(u, v)
        g = complex(g_re, g_im)
        edge = (point * point * g * g / 2 - point * g - mean * g).imag / math.pi
    return energy + variance * (w_g2 - share - edge)


@kernel
def learned_error(u, v, zeta, variance, s, w, integrals):
    """``(1/d) sum_k int_{x > x(u)} (x - zeta - s_k)^2 mu(dx|s_k)``: error on the part above the cut.

    As :func:`unlearned`, in terms no larger than ``delta^2 + zeta^2``.
    """
    mean = 0.0
    share = 0.0
    for k in range(s.size):
        mean += w[k] * s[k]
        share += w[k] * math.atan2(v, u - s[k]) / math.pi
    edge = 0.0
    if v > 0.0:
        g_re, g_im, _, _ = stieltjes(u, v, s, w)
        point = complex(u, v)
        g = complex(g_re, g_im)
        centred = point - mean
        noise = variance * g
        edge = (
            centred * centred / 2
            + centred * noise
            + noise * noise
            - 2 * zeta * (point + noise)
            + variance * g * g * (noise * noise / 4 - 2 * zeta * noise / 3 + zeta * zeta / 2)
        ).imag / math.pi
    return (
        variance * share
        + variance * variance * integrals[5]
        - 2 * zeta * variance * integrals[4]
        + zeta * zeta * share
        + edge
    )


@kernel
def _level(kind, u, target, variance, s, w):
    """What :func:`_find_level` brings to zero, increasing in `u`: position or mass below, less `target`."""
    if kind == 0:
        return position(u, variance, s, w)[0] - target
    return target - mass_above(u, height(u, variance, s, w), variance, s, w)


@kernel
def _find_level(kind, target, low, high, tolerance, variance, s, w):
    """Root of :func:`_level` between `low` and `high`, where it has opposite signs, or within `tolerance` of zero."""
    a, fa = low, _level(kind, low, target, variance, s, w)
    b, fb = high, _level(kind, high, target, variance, s, w)
    if abs(fa) <= tolerance:
        return a
    if abs(fb) <= tolerance:
        return b
    c, fc = a, fa
    t = min(max(fa / (fa - fb), 0.05), 0.95)
    for _ in range(200):
        x = a + t * (b - a)
        fx = _level(kind, x, target, variance, s, w)
        if abs(fx) <= tolerance:
            return x
        if (fx < 0.0) == (fa < 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        a, fa = x, fx
        size = 2e-16 * (abs(a) + abs(b))
        if abs(b - a) <= 2.0 * size:
            break
        t = chandrupatla(a, fa, b, fb, c, fc, min(size / abs(b - a), 0.5))
    return a if abs(fa) < abs(fb) else b


@kernel
def find_position(x, variance, s, w):
    """`u` with ``x(u) = x`` (the map is continuous and increasing), to rounding."""
    delta = math.sqrt(variance)
    # |x(u) - u| is at most delta outside the support and x increases, so these two bracket.
    low = min(x, s[-1]) - 2.0 * delta
    high = max(x, s[0] + 2.0 * delta)
    return _find_level(0, x, low, high, 0.0, variance, s, w)


@kernel
def find_quantile(share, variance, s, w):
    """`u` such that the mass above ``x(u)`` is `share`: any point of the gap where there is one."""
    delta = math.sqrt(variance)
    return _find_level(1, share, s[-1] - delta, s[0] + delta, 1e-14, variance, s, w)
