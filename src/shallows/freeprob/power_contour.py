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
from .contour import (
    _FINE_NODES,
    _FINE_WEIGHTS,
    _NODES,
    _WEIGHTS,
    PANEL,
    _kernel_sums,
    find_position,
    height,
    nearest_atom,
    stieltjes,
)
from .power_threshold import branch_distance, continued

#: Length of a panel over its distance from where panels are graded.
GROWTH = math.exp(PANEL) - 1.0


@kernel
def _accumulate(out, point, dw, unit, power, variance, s, w):
    """Add the integrands at `point` times `dw` to `out` (see :func:`power_integrals`)."""
    g, slope, m = _kernel_sums(point.real, point.imag, s, w, 0, s.size)
    dz = (1.0 - variance * slope) * dw
    shift = variance * g
    x = point + shift
    if x.imag >= 0.0:
        taken = continued(x, unit, power)
    else:  # a path from the edge of a band begins under the curve: right of the jump f is analytic there too
        taken = continued(x.conjugate(), unit, power).conjugate()
    f = x - taken
    fdz = f * dz
    out[0] += (f * g * fdz).imag
    out[1] += (m * fdz).imag
    out[2] += (g * g * fdz).imag
    out[3] += (point * g * g * dw).imag
    out[4] += ((shift - taken) * (shift - taken) * g * dz).imag


@kernel
def branch_point(unit, power, variance, s, w):
    """The point of the subordination curve over the branch point of `f`; far to the left where `f` has none."""
    if unit == 0.0 or power == 1.0:
        return complex(-1e300, 0.0)
    u = find_position(unit * (jump_of(power)[0] - branch_distance(power)), variance, s, w)
    return complex(u, height(u, variance, s, w))


@kernel
def _ray(out, origin, direction, length, start, branch, unit, power, variance, s, w, nodes, weights, sign):
    """Integrate along ``origin + direction * t``, ``0 < t < length``, with panels graded from scale `start`.

    None is longer than three quarters of the distance to the `branch` point, by which a path may pass.
    """
    t = 0.0
    while t < length:
        first = start + t
        reach = min(first * GROWTH, 0.75 * abs(origin + direction * t - branch))
        end = length if t + 1.2 * reach >= length else t + reach
        size = math.log((start + end) / first)
        for j in range(nodes.size):
            here = first * math.exp(nodes[j] * size)
            dw = direction * (sign * here * size * weights[j])
            _accumulate(out, origin + direction * (here - start), dw, unit, power, variance, s, w)
        t = end


@kernel
def power_integrals(u, v, unit, power, variance, s, w, fine):
    """Integrals over the part of the spectrum above ``x(u)``, with ``f(x) = x - h(x)``.

    Returns an array of ``-(1/pi) Im int ... dw`` of

    0. ``f^2 G H'``  = integral of ``f^2 mu``;
    1. ``f S1 H'``   = overlap ``(1/d) sum_k s_k int f mu(dx|s_k)``, with ``S1 = sum w s/(w-s)``;
    2. ``f G^2 H'``  = ``2 int f Re g mu``: degrees of freedom `A`;
    3. ``w G^2``;  4. ``(delta^2 G - h)^2 G H'``: building blocks of errors.
    """
    out = np.zeros(5)
    top = s[0]
    if v == 0.0 and u >= top:
        return out
    nodes, weights = (_FINE_NODES, _FINE_WEIGHTS) if fine else (_NODES, _WEIGHTS)
    radius = 3.0 * max(top - u, v)
    start = max(v, 0.5 * nearest_atom(u, s))
    if radius > v:
        branch = branch_point(unit, power, variance, s, w)
        _ray(out, complex(u, v), 1j, radius - v, start, branch, unit, power, variance, s, w, nodes, weights, 1.0)
    quarter = 0.5 * math.pi
    for j in range(nodes.size):
        angle = quarter * (1.0 - nodes[j])
        arm = radius * complex(math.cos(angle), math.sin(angle))
        _accumulate(out, u + arm, -1j * arm * (quarter * weights[j]), unit, power, variance, s, w)
    return -out / math.pi


@kernel
def power_integrals_between(u, v, u_end, v_end, unit, power, variance, s, w):
    """As :func:`power_integrals`, over the part of the spectrum between ``x(u)`` and ``x(u_end)`` only."""
    out = np.zeros(5)
    if u_end <= u:
        return out
    branch = branch_point(unit, power, variance, s, w)
    apex = complex(0.5 * (u + u_end), (u_end - u) + max(v, v_end))
    for a, b, sign in ((u, v, 1.0), (u_end, v_end, -1.0)):
        arm = apex - complex(a, b)
        start = min(max(b, 0.5 * nearest_atom(a, s)), abs(arm))
        _ray(
            out,
            complex(a, b),
            arm / abs(arm),
            abs(arm),
            start,
            branch,
            unit,
            power,
            variance,
            s,
            w,
            _FINE_NODES,
            _FINE_WEIGHTS,
            sign,
        )
    return -out / math.pi


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
