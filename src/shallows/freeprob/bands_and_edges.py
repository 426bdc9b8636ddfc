"""Where the free convolution has mass: band edges, the edge of the bulk, outlier positions.

In the subordination coordinate `u` the support is where ``F(u) = sum w/(u-s)^2 > 1/variance``; between two
neighbouring atoms `F` is convex, so each gap has two edges or there is none. Theory note, sections 3 and 5.
"""

from __future__ import annotations

import math

import numpy as np

from .._kernels import kernel
from .contour import FASTMATH, height, mass_above, position


@kernel(fastmath=FASTMATH, error_model="numpy")
def _inverse_powers(u, s, w, first, last):
    """``sum w/(u-s)^2``, ``sum w/(u-s)^3`` and ``sum w/(u-s)^4`` over the atoms ``first..last-1``."""
    two = 0.0
    three = 0.0
    four = 0.0
    for k in range(first, last):
        t = 1.0 / (u - s[k])
        t2 = t * t
        two += w[k] * t2
        three += w[k] * t2 * t
        four += w[k] * t2 * t2
    return two, three, four


@kernel
def edge_beside(start, variance, s, w, first, last):
    """Root of ``F(u) = 1/variance`` reached from `start`, a point where `F` is larger, by Newton's method.

    Convexity makes the iteration monotone; `F` counts the atoms ``first..last-1`` only.
    """
    u = start
    for _ in range(100):
        two, three, _ = _inverse_powers(u, s, w, first, last)
        excess = two - 1.0 / variance
        if excess <= 0.0:
            break
        step = excess / (2.0 * three)
        u += step
        if abs(step) <= 1e-15 * (abs(u) + abs(u - start)):
            break
    return u


@kernel
def gap_between(i, variance, s, w):
    """Edges ``(low, high)`` of the gap between atoms ``i`` (upper) and ``i + 1`` (lower), or nans."""
    spacing = s[i] - s[i + 1]
    a = w[i + 1] ** (1.0 / 3.0)
    b = w[i] ** (1.0 / 3.0)
    if (a + b) ** 3 * variance >= spacing * spacing:  # already these two alone close it
        return math.nan, math.nan
    low, high = s[i + 1], s[i]
    u = low + spacing * a / (a + b)
    for _ in range(60):  # minimum of F, safeguarded Newton
        two, three, four = _inverse_powers(u, s, w, 0, s.size)
        if two * variance < 1.0:
            break
        if three > 0.0:
            low = u
        else:
            high = u
        step = three / (3.0 * four)
        following = u + step
        if not (low < following < high):
            following = 0.5 * (low + high)
        if abs(following - u) <= 1e-14 * spacing:
            return math.nan, math.nan
        u = following
    else:
        return math.nan, math.nan
    lower = edge_beside(s[i + 1] + math.sqrt(variance * w[i + 1]), variance, s, w, 0, s.size)
    upper = edge_beside(s[i] - math.sqrt(variance * w[i]), variance, s, w, 0, s.size)
    return lower, upper


@kernel
def outer_edges(variance, s, w):
    """Leftmost and rightmost point of the support in `u`."""
    last = s.size - 1
    right = edge_beside(s[0] + math.sqrt(variance * w[0]), variance, s, w, 0, s.size)
    left = edge_beside(s[last] - math.sqrt(variance * w[last]), variance, s, w, 0, s.size)
    return left, right


@kernel
def bulk_edge(variance, s, w):
    """Upper edge of the bulk in `u`, and whether a gap separates it from the modes above.

    The bulk belongs to the modes ``s <= delta``, those that cannot leave it. Its edge is that of their
    component of the support; where modes ``s > delta`` have merged with that component, it is the edge
    the modes below would have alone. Returns ``(nan, True)`` if there is no such mode.
    """
    delta = math.sqrt(variance)
    first = 0
    while first < s.size and s[first] > delta:
        first += 1
    if first == s.size:
        return math.nan, True
    alone = edge_beside(s[first] + math.sqrt(variance * w[first]), variance, s, w, first, s.size)
    if first == 0:
        return alone, True
    low, _ = gap_between(first - 1, variance, s, w)
    if not math.isnan(low):
        return low, True
    return min(alone, s[first - 1]), False


@kernel
def bands(variance, s, w):
    """All bands of the support in `u`, from the top: array of rows ``(low, high)``."""
    out = np.empty((s.size, 2))
    count = 0
    left, high = outer_edges(variance, s, w)
    for i in range(s.size - 1):
        lower, upper = gap_between(i, variance, s, w)
        if not math.isnan(lower):
            out[count, 0] = upper
            out[count, 1] = high
            count += 1
            high = lower
    out[count, 0] = left
    out[count, 1] = high
    return out[: count + 1].copy()


@kernel
def mode_positions(count, variance, s, w):
    """Position `x` of the first `count` atoms: where the mass above is that of the atoms above and half its own."""
    out = np.empty(count)
    above = 0.0
    for k in range(count):
        share = above + 0.5 * w[k]
        above += w[k]
        reach = math.sqrt(variance * w[k])
        low, high = s[k] - reach, s[k] + reach
        f_low = mass_above(low, height(low, variance, s, w), variance, s, w) - share
        while f_low <= 0.0:
            low -= 2.0 * (high - low)
            f_low = mass_above(low, height(low, variance, s, w), variance, s, w) - share
        f_high = mass_above(high, height(high, variance, s, w), variance, s, w) - share
        while f_high >= 0.0:
            high += 2.0 * (high - low)
            f_high = mass_above(high, height(high, variance, s, w), variance, s, w) - share
        middle = s[k]
        for i in range(100):
            value = mass_above(middle, height(middle, variance, s, w), variance, s, w) - share
            if abs(value) <= 1e-10 * w[k]:
                break
            if value > 0.0:
                low, f_low = middle, value
            else:
                high, f_high = middle, value
            if i % 3 == 2:
                middle = 0.5 * (low + high)
            else:
                middle = low + (high - low) * f_low / (f_low - f_high)
            if high - low <= 1e-14 * (abs(low) + abs(high)):
                break
        out[k] = position(middle, variance, s, w)[0]
    return out
