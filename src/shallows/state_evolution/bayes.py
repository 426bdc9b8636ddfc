"""Bayes-optimal risks (theory note, section 8; arXiv 2408.03733 for the quadratic network).

Quadratic network: the spectrum of the teacher is known, its directions are not. Diagonal network: the
multiset of ``+-theta*_i`` is known, order and signs are not. Both bound every estimator of their class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from .._arguments import check_instance
from ..freeprob.bands import bands
from ..freeprob.bracketing import chandrupatla
from ..freeprob.contour import FASTMATH, height, legendre_nodes
from ..problems import Problem
from .fixed_point import NEGLIGIBLE_NOISE, TOLERANCE
from .result import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..teachers import Spectrum


@dataclass(frozen=True)
class BayesPoint:
    """Bayes-optimal performance.

    Attributes
    ----------
    noise_scale : float
        ``delta`` or ``tau`` at the optimum.
    estimation_error, excess_risk : float
        ``E`` and ``2E`` (quadratic), ``R`` twice (diagonal).
    residual : float
        Relative violation of the noise equation.
    status : Status
    reachable : bool
        False where message passing started without information stops at a worse fixed point: the optimum
        is then out of reach of every known fast algorithm.
    """

    noise_scale: float
    estimation_error: float
    excess_risk: float
    residual: float
    status: Status
    reachable: bool


@njit(cache=True, fastmath=FASTMATH, error_model="numpy")
def _posterior_spread(u, variance, s, w):
    """``rho(x) x'(u) Var(s|x)`` at ``x = x(u)``, all as sums of positive terms."""
    v = height(u, variance, s, w)
    if v == 0.0:
        return 0.0
    mean = 0.0
    p = 0.0
    q = 0.0
    for k in range(s.size):
        t = 1.0 / ((u - s[k]) * (u - s[k]) + v * v)
        mean += w[k] * t * s[k]
        p += w[k] * t * t
        q += w[k] * t * t * (u - s[k])
    mean *= variance
    spread = 0.0
    for k in range(s.size):
        t = 1.0 / ((u - s[k]) * (u - s[k]) + v * v)
        spread += w[k] * t * (s[k] - mean) * (s[k] - mean)
    slope = 2.0 * variance * (v * v * p + q * q / p)
    return v / math.pi * slope * spread


@njit(cache=True)
def quadratic_mmse(variance, s, w):
    """``(1/d) E ||S* - E[S*|S* + delta GOE]||_F^2``: the spread of the posterior, integrated over the bands."""
    support = bands(variance, s, w)
    total = 0.0
    for i in range(support.shape[0] - 1, -1, -1):  # from the bulk up, so that narrow bands know the total
        middle = 0.5 * (support[i, 0] + support[i, 1])
        half = 0.5 * (support[i, 1] - support[i, 0])
        if not half > 0.0:
            continue
        # Chebyshev nodes of the second kind, doubled until the sum settles: the edges are square roots.
        nodes = 3
        raw = 0.0
        for j in range(1, nodes + 1):
            angle = math.pi * j / (nodes + 1)
            raw += math.sin(angle) * _posterior_spread(middle - half * math.cos(angle), variance, s, w)
        value = raw * half * math.pi / (nodes + 1)
        while nodes < 4000:
            for j in range(nodes + 1):
                angle = math.pi * (2 * j + 1) / (2 * nodes + 2)
                raw += math.sin(angle) * _posterior_spread(middle - half * math.cos(angle), variance, s, w)
            nodes = 2 * nodes + 1
            previous, value = value, raw * half * math.pi / (nodes + 1)
            if nodes >= 7 and abs(value - previous) <= 1e-9 * (total + value):
                break
        total += value
    return total


#: Up to this dimension the posterior of the quadratic network sees every mode, not groups of them.
_UNGROUPED = 1024

_PANEL_NODES, _PANEL_WEIGHTS = legendre_nodes(10)


@njit(cache=True, fastmath=FASTMATH, error_model="numpy")
def diagonal_mmse(variance, s, counts):
    """Sum over weights of the posterior variance under the mixture prior on ``+-s``.

    Panels of half a noise scale over every place where two atoms compete; elsewhere the posterior is certain.
    """
    tau = math.sqrt(variance)
    reach = 9.0 * tau
    width = 0.5 * tau
    total = 0.0
    top = s[0] + reach
    panels = int(math.ceil(top / width))
    first = s.size  # atoms first..last-1 lie within reach of the panel
    last = s.size
    following = 0
    while following < panels:
        i = following
        following = i + 1
        low = i * width
        high = low + width
        while first > 0 and s[first - 1] <= high + reach:
            first -= 1
        while last > first and s[last - 1] < low - reach:
            last -= 1
        mirrored = low < reach
        if last == first or (last - first == 1 and not (mirrored and s[first] > 0.0)):
            if first == 0:
                break
            # Nothing competes before the next atom comes within reach.
            following = max(following, int(math.floor((s[first - 1] - reach) / width)) - 1)
            continue
        for j in range(_PANEL_NODES.size):
            y = low + width * _PANEL_NODES[j]
            mass = 0.0
            mean = 0.0
            for k in range(first, last):
                z = (y - s[k]) / tau
                a = counts[k] * math.exp(-0.5 * z * z)
                mass += a
                mean += a * s[k]
                if mirrored:
                    z = (y + s[k]) / tau
                    a = counts[k] * math.exp(-0.5 * z * z)
                    mass += a
                    mean -= a * s[k]
            if mass < 1e-280:
                continue
            mean /= mass
            spread = 0.0
            for k in range(first, last):
                z = (y - s[k]) / tau
                spread += counts[k] * math.exp(-0.5 * z * z) * (s[k] - mean) * (s[k] - mean)
                if mirrored:
                    z = (y + s[k]) / tau
                    spread += counts[k] * math.exp(-0.5 * z * z) * (s[k] + mean) * (s[k] + mean)
            total += 0.5 * _PANEL_WEIGHTS[j] * spread
    return total / math.sqrt(2.0 * math.pi)


def bayes_error(problem: Problem, noise_scale: float) -> float:
    """Error of the posterior mean at a given noise scale, in the units of the network (``E`` or ``R``)."""
    spectrum = problem.spectrum
    if problem.network == "quadratic":
        return float(quadratic_mmse(noise_scale**2, spectrum.values, spectrum.weights))
    return float(diagonal_mmse(noise_scale**2, spectrum.values, spectrum.multiplicities))


def _secant(excess: Callable[[float], float], guess: float, slope: float, low: float, high: float) -> float:
    """Root near `guess` of a function of slope about `slope`, bracketed instead if that does not settle fast."""
    x, fx = guess, excess(guess)
    for _ in range(6):
        if abs(fx) <= 1e-9:
            return x
        if not slope < -1e-3:
            break
        following = min(max(x - fx / slope, low), high)
        if following == x or abs(following - x) > 1.0:
            break
        f_following = excess(following)
        slope = (f_following - fx) / (following - x)
        x, fx = following, f_following
    return x if abs(fx) <= 1e-9 else _root(excess, guess, low, high, 1e-9)


def _root(excess: Callable[[float], float], guess: float, low: float, high: float, tolerance: float) -> float:
    """Root near `guess` of a function that falls through it, between `low` and `high`."""
    a = min(max(guess, low), high)
    fa = excess(a)
    step = 0.01
    b, fb = a, fa
    while fa != 0 and (fb > 0) == (fa > 0):
        a, fa = b, fb
        if b in (low, high) and (b == high) == (fa > 0):
            return b
        b = min(b + step, high) if fa > 0 else max(b - step, low)
        fb = excess(b)
        step *= 3
    if fa == 0 or fb == 0:
        return a if fa == 0 else b
    c, fc = a, fa
    t = fa / (fa - fb)
    for _ in range(80):
        x = a + t * (b - a)
        fx = excess(x)
        if (fx > 0) == (fa > 0):
            c, fc = a, fa
        else:
            c, fc, b, fb = b, fb, a, fa
        a, fa = x, fx
        if abs(fx) <= tolerance or abs(b - a) <= 1e-14 * max(1.0, abs(a)):
            break
        t = chandrupatla(a, fa, b, fb, c, fc, min(1e-14 / abs(b - a), 0.5))
    return a if abs(fa) < abs(fb) else b


def _stable_roots(excess: Callable[[float], float], grid: FloatArray) -> tuple[list[int], FloatArray]:
    values = np.array([excess(x) for x in grid])
    return [i for i in range(grid.size - 1) if values[i] > 0 >= values[i + 1]], values


@lru_cache(maxsize=512)
def bayes_optimal(problem: Problem) -> BayesPoint:
    """Bayes-optimal risk of `problem`; weight decay and width play no part.

    Where the noise equation has several solutions the one of least free energy is returned, the information
    theoretical optimum.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    BayesPoint
        Risk, noise scale and how they were found (theory note, section 8).

    Raises
    ------
    InvalidArgument
        If `problem` is not a Problem.
    """
    check_instance("problem", problem, Problem)
    quadratic = problem.network == "quadratic"
    factor = 2 if quadratic else 1
    samples = 2 * problem.alpha if quadratic else float(problem.samples)
    noise = problem.noise / factor
    energy = problem.energy
    if energy == 0:
        scale = math.sqrt(noise / samples)
        return BayesPoint(scale, 0.0, 0.0, 0.0, Status.CONVERGED, True)
    unit = math.sqrt(energy + noise)
    noise /= unit**2
    if noise < NEGLIGIBLE_NOISE:
        noise = 0.0
    bottom = 1e-20 / samples if noise == 0 else noise / samples
    if quadratic:
        mmse, fine = quadratic_mmse, problem.spectrum
        if problem.dim <= _UNGROUPED:
            fine = problem.teacher.resolved(problem.network, 0.0)
        weigh = _weights
    else:
        mmse, fine = diagonal_mmse, problem.teacher.resolved(problem.network, unit * math.sqrt(bottom))
        weigh = _multiplicities

    def excess_on(spectrum: Spectrum) -> Callable[[float], float]:
        s, w = np.ascontiguousarray(spectrum.values / unit), np.ascontiguousarray(weigh(spectrum))

        def excess(x: float) -> float:
            total = mmse(math.exp(x), s, w) + noise
            return math.log(total / samples) - x if total > 0 else -math.inf

        return excess

    low, high = math.log(bottom) - 0.02, -math.log(samples)  # a root may sit at the very bottom
    coarse = excess_on(problem.spectrum.coarse)
    grid = np.linspace(low, high, 24 if noise > 0 else 64)
    found, values = _stable_roots(coarse, grid)
    if not found and values[0] <= 0 and noise == 0:
        return BayesPoint(0.0, 0.0, 0.0, 0.0, Status.PERFECT_RECOVERY, True)
    chosen = found[0] if found else (0 if values[0] <= 0 else grid.size - 2)
    if len(found) > 1 or (noise == 0 and found and values[0] <= 0):
        # Free energy along the curve: the integral of (error + noise - samples * variance) over 1/variance.
        slope = np.expm1(values) * samples
        energy_curve = np.concatenate([[0.0], -np.cumsum(0.5 * (slope[1:] + slope[:-1]) * np.diff(grid))])
        chosen = min(found, key=lambda i: energy_curve[i])
        if noise == 0 and values[0] <= 0 and energy_curve[0] <= energy_curve[chosen]:
            return BayesPoint(0.0, 0.0, 0.0, 0.0, Status.PERFECT_RECOVERY, False)
    guess = _root(coarse, 0.5 * (grid[chosen] + grid[chosen + 1]), grid[chosen], grid[chosen + 1], 1e-6)
    slope_there = (coarse(guess + 1e-3) - coarse(guess - 1e-3)) / 2e-3
    excess = excess_on(fine)
    x = _secant(excess, guess, slope_there, low, high)
    variance = math.exp(x)
    error = float(mmse(variance, np.ascontiguousarray(fine.values / unit), np.ascontiguousarray(weigh(fine))))
    residual = abs(samples * variance - (error + noise)) / (samples * variance)
    error *= unit**2
    return BayesPoint(
        noise_scale=math.sqrt(variance) * unit,
        estimation_error=error,
        excess_risk=factor * error,
        residual=residual,
        status=Status.CONVERGED if residual <= TOLERANCE else Status.INACCURATE,
        reachable=not found or chosen == found[-1],
    )


def _weights(spectrum: Spectrum) -> FloatArray:
    return spectrum.weights


def _multiplicities(spectrum: Spectrum) -> FloatArray:
    return spectrum.multiplicities
