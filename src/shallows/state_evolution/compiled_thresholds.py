"""Moments, and thresholds at a fixed variance, of the networks whose equations can have several solutions: compiled.

What :class:`.several_solutions.Equations` does in Python for any network: the first equation

    zeta (N - D) = L,      zeta = c^power

is solved for ``c`` at a noise scale, for the largest solution or for the one that continues another.
"""

from __future__ import annotations

import math

import numpy as np

from .._kernels import kernel
from ..freeprob.bracketing import chandrupatla
from .deep_diagonal import DEEP_DIAGONAL, deep_diagonal_moments
from .deep_quadratic import power_moments_at

#: Steps in the logarithm of the threshold: in the first search from above, and from a neighbouring one.
COARSE_STEP, FINE_STEP = 0.25, 0.04
#: Smallest step from a neighbouring one, and what the step that would solve a straight equation is lengthened by.
LEAST_STEP, LENGTHENED = 1e-6, 1.5
#: Thresholds over the noise scale below which they do nothing.
NOTHING = 1e-8


@kernel
def moments_at(network, q, scale, c, s, w, fineness):
    """Error and degrees of freedom at the threshold ``zeta = c^(2-q)``."""
    if network == DEEP_DIAGONAL:
        return deep_diagonal_moments(q, c, scale, s, w, fineness)
    return power_moments_at(scale, c, q, s, w, fineness)


@kernel
def _at(network, q, scale, c, constraints, strength, s, w, fineness):
    """``(violation of the first equation, error, D)``: the violation over ``zeta N``, negative below the solution."""
    error, freedom = moments_at(network, q, scale, c, s, w, fineness)
    return (constraints - freedom - strength * c ** (q - 2.0)) / constraints, error, freedom


@kernel
def _tiny(network, q, scale, constraints, strength, s, w, fineness):
    """A threshold that does nothing to the weights, with their moments; nan if no constraint is left free."""
    error, freedom = moments_at(network, q, scale, 0.0, s, w, fineness)
    free = constraints - freedom
    if free <= 0.0:
        return math.nan, error, freedom
    c = (strength / free) ** (1.0 / (2.0 - q))
    error, freedom = moments_at(network, q, scale, c, s, w, fineness)
    return c, error, freedom


@kernel
def _between(network, q, scale, low, at_low, high, at_high, constraints, strength, s, w, fineness, tolerance):
    """The solution between two thresholds, of negative and of positive violation; `tolerance` is relative."""
    if at_high[0] <= 0.0:  # rounding, where everything is zero
        return high, at_high[1], at_high[2]
    a, fa, b, fb = high, at_high[0], low, at_low[0]
    c, fc = a, fa
    error, freedom = at_high[1], at_high[2]
    t = fa / (fa - fb)
    for _ in range(100):
        x = a + t * (b - a)
        fx, error, freedom = _at(network, q, scale, x, constraints, strength, s, w, fineness)
        if (fx < 0.0) == (fa < 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        a, fa = x, fx
        missed = abs(fx * (b - a) / (fb - fa))  # if it were straight
        if missed <= tolerance * x or abs(b - a) <= max(tolerance, 4e-16) * x:
            break
        t = chandrupatla(a, fa, b, fb, c, fc, min(max(0.1 * tolerance, 1e-16) * x / abs(b - a), 0.5))
    return a, error, freedom


@kernel
def largest_threshold(network, q, scale, ceiling, constraints, strength, s, w, fineness, tolerance):
    """The largest ``c`` below the `ceiling` that solves the equation, with error and ``D`` there; nan for none."""
    high = ceiling
    at_high = _at(network, q, scale, high, constraints, strength, s, w, fineness)
    while high > NOTHING * scale:
        low = high * math.exp(-COARSE_STEP)
        at_low = _at(network, q, scale, low, constraints, strength, s, w, fineness)
        if at_low[0] < 0.0:
            return _between(
                network, q, scale, low, at_low, high, at_high, constraints, strength, s, w, fineness, tolerance
            )
        high, at_high = low, at_low
    return _tiny(network, q, scale, constraints, strength, s, w, fineness)


@kernel
def continued_threshold(network, q, scale, guess, ceiling, constraints, strength, s, w, fineness, tolerance):
    """The ``c`` nearest to the guess that solves the equation from below to above, as :func:`largest_threshold`."""
    if not guess > NOTHING * scale:
        return largest_threshold(network, q, scale, ceiling, constraints, strength, s, w, fineness, tolerance)
    low = high = min(guess, ceiling)
    at_low = at_high = _at(network, q, scale, low, constraints, strength, s, w, fineness)
    below = at_low[0] < 0.0
    # Were D to stand still, the violation would have this slope in the logarithm of c.
    slope = (2.0 - q) * strength * low ** (q - 2.0) / constraints
    step = FINE_STEP
    if slope > 0.0:
        step = min(max(LENGTHENED * abs(at_low[0]) / slope, LEAST_STEP), FINE_STEP)
    for _ in range(80):
        if below:
            if high >= ceiling:
                break
            low, at_low = high, at_high
            high = min(high * math.exp(step), ceiling)
            at_high = _at(network, q, scale, high, constraints, strength, s, w, fineness)
            found = at_high[0] >= 0.0
        else:
            if low < NOTHING * scale:
                return _tiny(network, q, scale, constraints, strength, s, w, fineness)
            high, at_high = low, at_low
            low = low * math.exp(-step)
            at_low = _at(network, q, scale, low, constraints, strength, s, w, fineness)
            found = at_low[0] < 0.0
        if found:
            return _between(
                network, q, scale, low, at_low, high, at_high, constraints, strength, s, w, fineness, tolerance
            )
        step = min(1.6 * step, 1e3)
    return math.nan, math.nan, math.nan


@kernel
def violations_on_a_grid(network, q, variances, ratios, constraints, noise, strength, s, w, fineness):
    """Signs of the violations of both equations at noise scales and ratios of ``c`` to them, each (m, k)."""
    first = np.empty((variances.size, ratios.size))
    second = np.empty_like(first)
    for i in range(variances.size):
        scale = math.sqrt(variances[i])
        for j in range(ratios.size):
            second[i, j], error, _ = _at(network, q, scale, ratios[j] * scale, constraints, strength, s, w, fineness)
            first[i, j] = error + noise - constraints * variances[i]
    return first, second
