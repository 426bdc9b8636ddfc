"""The two equations solved in plain Python from a network's moments alone: for networks that no compiled kernel knows.

Hundreds of times slower than :mod:`.compiled_solver`, whose plain twin it is for the others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .compiled_solver import DIVERGENT, NO_SOLUTION, OK, PERFECT

if TYPE_CHECKING:
    from collections.abc import Callable

    Moments = Callable[[float, float], tuple[float, float]]

#: Thresholds, and variances over the first one, that are tried at most before giving up.
DOUBLINGS, LARGEST_GROWTH = 200, 1e12
#: Variance below which, without noise, recovery counts as perfect (over the first one).
VANISHING = 1e-26


def threshold_at(moments: Moments, noise_scale: float, constraints: float, strength: float, first: float) -> float:
    """The threshold ``zeta`` with ``zeta (N - D) = L`` at this noise scale; nan if no finite one is found.

    Parameters
    ----------
    moments : callable
        Error and degrees of freedom ``D`` of a noise scale and a threshold; ``D`` falls with the threshold.
    noise_scale, constraints, strength : float
        ``constraints`` is ``N``, ``strength`` is ``L``; 0 is its limit from above.
    first : float
        Where to begin the search for an upper end.
    """
    from scipy.optimize import brentq

    def excess(threshold: float) -> float:
        free = constraints - moments(noise_scale, threshold)[1]
        return (free * noise_scale if free <= 0 or strength == 0 else threshold * free) - strength

    if strength == 0 and excess(0.0) >= 0:
        return 0.0
    high = first
    for _ in range(DOUBLINGS):
        if excess(high) > 0:
            return float(brentq(excess, 0.0, high, xtol=1e-15 * high, rtol=1e-14))
        high *= 2
    return math.nan


def solve_plain(
    moments: Moments, constraints: float, noise: float, strength: float, first_threshold: Callable[[float], float]
) -> tuple[int, float, float, float, float]:
    """Fixed point for data scaled so that energy and noise add up to 1: ``(code, variance, zeta, error, D)``.

    Parameters
    ----------
    moments : callable
        Error and degrees of freedom of a noise scale and a threshold.
    constraints, noise, strength : float
        ``N``, ``Delta'`` and ``L``.
    first_threshold : callable
        Of a noise scale: about the largest threshold that matters.
    """
    from scipy.optimize import brentq

    def at(variance: float) -> tuple[float, float, float, float]:
        scale = math.sqrt(variance)
        threshold = threshold_at(moments, scale, constraints, strength, first_threshold(scale))
        if math.isnan(threshold):
            return math.nan, threshold, math.nan, math.nan
        error, freedom = moments(scale, threshold)
        total = error + noise
        return (math.log(total / (constraints * variance)) if total > 0 else -math.inf), threshold, error, freedom

    top = 1 / constraints
    bottom = VANISHING * top if noise == 0 else noise / constraints * (1 - 1e-12)
    low = high = top
    sign = at(top)[0]
    while sign > 0 and high <= LARGEST_GROWTH * top:
        low, high = high, 4 * high
        sign = at(high)[0]
    if sign > 0:
        return DIVERGENT, high, math.nan, math.nan, math.nan
    while low > bottom and at(low)[0] < 0:
        low = max(0.25 * low, bottom)
    lowest = at(low)
    if math.isnan(sign) or math.isnan(lowest[0]):
        return NO_SOLUTION, high, math.nan, math.nan, math.nan
    if lowest[0] < 0:  # without noise the equation may hold at no positive variance
        return PERFECT, 0.0, 0.0, 0.0, lowest[3]
    variance = low
    if low < high:
        # Between the very ends whose signs are known: where all weights are zero, rounding decides the sign.
        part = brentq(lambda part: at(low ** (1 - part) * high**part)[0], 0.0, 1.0, xtol=1e-16, rtol=1e-15)
        variance = low ** (1 - part) * high**part
    return OK, variance, *at(variance)[1:]
