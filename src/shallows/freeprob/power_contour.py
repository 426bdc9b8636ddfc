"""Functionals of the free convolution with a semicircle under the threshold of a penalty ``zeta x^q``.

The contour of :mod:`.contour` with another integrand: ``f(x) = x - h(x)``, where ``h`` is what the penalty takes off
(:func:`.power_threshold.continued`). The jump of `f` is the lower end of the integration region; right of it `f` is
analytic, and so are the integrands in the upper half-plane.

Theory note, sections 3 and 14.
"""

from __future__ import annotations

import math

import numpy as np

from .._kernels import kernel
from ..power_prox import jump_of
from .contour import edge_above, find_position, grading, height, stieltjes, transform_sums
from .paths import FINE, NO_BRANCH, path_above, path_between
from .power_threshold import branch_distance, continued, continued_along

#: Heights over the noise scale below which a cut counts as next to the upper edge of its band.
NEXT_TO_EDGE = 0.1


@kernel
def _integrated(points, steps, unit, power, variance, s, w):
    """Sums of the integrands of :func:`power_integrals` over a path."""
    out = np.zeros(5)
    layers = round(1.0 / power)
    plain = unit == 0.0 or layers == 1 or abs(layers * power - 1.0) > 1e-12
    near = complex(0.0, 0.0)
    for j in range(points.size):
        point, dw = points[j], steps[j]
        g, slope, m = transform_sums(point.real, point.imag, s, s, w, 0, s.size)
        dz = (1.0 - variance * slope) * dw
        shift = variance * g
        x = point + shift
        # A path from the edge of a band begins under the curve: right of the jump f is analytic there too.
        under = x.imag < 0.0
        folded = x.conjugate() if under else x
        if plain:
            taken = continued(folded, unit, power)
        else:
            taken, near = continued_along(folded, unit, layers, near)
        if under:
            taken = taken.conjugate()
        f = x - taken
        fdz = f * dz
        out[0] += (f * g * fdz).imag
        out[1] += (m * fdz).imag
        out[2] += (g * g * fdz).imag
        out[3] += (point * g * g * dw).imag
        out[4] += ((shift - taken) * (shift - taken) * g * dz).imag
    return -out / math.pi


@kernel
def branch_point(unit, power, variance, s, w):
    """The point of the subordination curve over the branch point of `f`; far to the left where `f` has none."""
    if unit == 0.0 or power == 1.0:
        return NO_BRANCH
    u = find_position(unit * (jump_of(power)[0] - branch_distance(power)), variance, s, w)
    return complex(u, height(u, variance, s, w))


@kernel
def power_integrals(u, v, unit, power, variance, s, w, fineness):
    """Integrals over the part of the spectrum above ``x(u)``, with ``f(x) = x - h(x)``.

    Returns an array of ``-(1/pi) Im int ... dw`` of

    0. ``f^2 G H'``  = integral of ``f^2 mu``;
    1. ``f S1 H'``   = overlap ``(1/d) sum_k s_k int f mu(dx|s_k)``, with ``S1 = sum w s/(w-s)``;
    2. ``f G^2 H'``  = ``2 int f Re g mu``: degrees of freedom `A`;
    3. ``w G^2``;  4. ``(delta^2 G - h)^2 G H'``: building blocks of errors.
    """
    if v == 0.0 and u >= s[0]:
        return np.zeros(5)
    branch = branch_point(unit, power, variance, s, w)
    if 0.0 < v < NEXT_TO_EDGE * math.sqrt(variance):
        # A sliver of the band, of a mass as (v/delta)^3: what the long way to it cancels is many times as large.
        edge = edge_above(u, variance, s, w)
        if edge < math.inf:
            start, end = grading(u, v, s), grading(edge, 0.0, s)
            points, steps = path_between(u, v, start, edge, 0.0, end, branch, fineness)
            sliver = _integrated(points, steps, unit, power, variance, s, w)
            if edge >= s[0]:
                return sliver
            points, steps = path_above(edge, 0.0, s[0], end, branch, fineness)
            return sliver + _integrated(points, steps, unit, power, variance, s, w)
    points, steps = path_above(u, v, s[0], grading(u, v, s), branch, fineness)
    return _integrated(points, steps, unit, power, variance, s, w)


@kernel
def power_integrals_between(u, v, u_end, v_end, unit, power, variance, s, w):
    """As :func:`power_integrals`, over the part of the spectrum between ``x(u)`` and ``x(u_end)`` only."""
    if u_end <= u:
        return np.zeros(5)
    branch = branch_point(unit, power, variance, s, w)
    points, steps = path_between(u, v, grading(u, v, s), u_end, v_end, grading(u_end, v_end, s), branch, FINE)
    return _integrated(points, steps, unit, power, variance, s, w)


@kernel
def power_learned_error(u, v, variance, s, w, shrinkage):
    """``(1/d) sum_k int_{x > x(u)} (f - s_k)^2 mu(dx|s_k)``: error on the part above the cut.

    `shrinkage` is entry 4 of :func:`power_integrals` from the same cut. With ``f - s = (w - s) + (delta^2 G - h)`` all
    other terms have an antiderivative, but for ``h`` alone, whose integral is real: nothing here is larger than
    ``delta^2 + h^2``.
    """
    mean = 0.0
    share = 0.0
    for k in range(s.size):
        mean += w[k] * s[k]
        share += w[k] * math.atan2(v, u - s[k]) / math.pi
    edge = 0.0
    if v > 0.0:
        g_re, g_im, _, _ = stieltjes(u, v, s, w)
        centred = complex(u, v) - mean
        noise = variance * complex(g_re, g_im)
        edge = (centred * centred / 2 + centred * noise + noise * noise).imag / math.pi
    return variance * share + shrinkage + edge
