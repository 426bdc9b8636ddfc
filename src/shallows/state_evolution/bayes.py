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
from scipy.optimize import brentq

from .._arguments import check_instance
from .._display import Displayed
from ..errors import NotSupported, SolveFailed
from ..freeprob.bracketing import chandrupatla
from ..problems import Problem
from .protocol import STATE_EVOLUTIONS, StateEvolution, mode_weights
from .result import NEGLIGIBLE_NOISE, TOLERANCE, Status, require_theory

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..teachers import Spectrum


@dataclass(frozen=True, repr=False)
class BayesPoint(Displayed):
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

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, bayes_optimal
    >>> point = bayes_optimal(Problem("diagonal", PowerLaw(dim=50, gamma=1.0), samples=40, noise=0.1))
    >>> point.reachable, point.estimation_error == point.excess_risk
    (True, True)
    """

    noise_scale: float
    estimation_error: float
    excess_risk: float
    residual: float
    status: Status
    reachable: bool


def bayes_error(problem: Problem, noise_scale: float) -> float:
    """Error of the posterior mean at a given noise scale, in the units of the network (``E`` or ``R``).

    Parameters
    ----------
    problem : Problem
        Only its network and teacher matter.
    noise_scale : float
        ``tau`` or ``delta``, positive.

    Returns
    -------
    float
        ``R`` or ``E`` (theory note, section 8).

    Raises
    ------
    NotSupported
        If the network has no state evolution, or its posterior mean is not known.

    Examples
    --------
    Under much noise little is recovered of the teacher, whose energy is 1.

    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import bayes_error
    >>> problem = Problem("quadratic", PowerLaw(dim=100, gamma=1.25), samples=1000)
    >>> [round(bayes_error(problem, scale), 3) for scale in (0.1, 1.0, 100.0)]
    [0.004, 0.102, 0.917]
    """
    spectrum = problem.spectrum
    evolution = STATE_EVOLUTIONS.of(problem.network)
    return float(evolution.posterior_error(noise_scale**2, spectrum.values, mode_weights(problem, spectrum)))


@dataclass(frozen=True)
class _NoiseEquation:
    """``samples * variance = error(variance) + noise`` on a spectrum scaled so that energy and noise add up to one.

    Where the noise is not the same on all observations, what each group of them says of the teacher adds up: ``1/(error
    + noise)`` stands for its mean over them. `groups` are their shares and noises.
    """

    evolution: StateEvolution
    samples: float
    groups: tuple[tuple[float, float], ...]
    values: FloatArray
    weights: FloatArray

    def error(self, variance: float) -> float:
        return float(self.evolution.posterior_error(variance, self.values, self.weights))

    def excess(self, log_variance: float) -> float:
        """Logarithm of the right-hand side over the left-hand one; a stable solution is a root where it falls."""
        total = self.total(self.error(math.exp(log_variance)))
        return math.log(total / self.samples) - log_variance if total > 0 else -math.inf

    def total(self, error: float) -> float:
        """``error + noise``, its harmonic mean over the observations."""
        if len(self.groups) == 1:
            return error + self.groups[0][1]
        if any(error + noise <= 0 for _, noise in self.groups):
            return 0.0
        return 1 / sum(share / (error + noise) for share, noise in self.groups)

    def slope(self, log_variance: float, excess: float) -> float:
        """How the free energy falls with the logarithm of the variance, where its `excess` is known.

        It is the error of the posterior less the one at which the noise equation would hold, over the variance.
        """
        if len(self.groups) == 1:
            return float(np.expm1(excess)) * self.samples
        variance, noises = math.exp(log_variance), [noise for _, noise in self.groups]
        level = self.samples * variance
        low, high = max(level - max(noises), -min(noises) * (1 - 1e-12)), level - min(noises)
        balanced = brentq(lambda error: self.total(error) - level, low, high) if low < high else high
        return (self.error(variance) - balanced) / variance


def bayes_optimal(problem: Problem, *, throw: bool = True) -> BayesPoint:
    """Bayes-optimal risk of `problem`; weight decay and width play no part.

    Where the noise equation has several solutions the one of smallest free energy is returned, the information
    theoretical optimum.

    Parameters
    ----------
    problem : Problem
    throw : bool
        Whether a failed solve raises (default) or is returned with its status.

    Returns
    -------
    BayesPoint
        Risk, noise scale and how they were found (theory note, section 8).

    Raises
    ------
    InvalidArgument
        If `problem` is not a Problem.
    NotSupported
        If its network has no state evolution, or its posterior mean is not known.
    SolveFailed
        If the noise equation could not be solved to a relative residual of 1e-8; carries the result.

    Examples
    --------
    One of the spot values that the tests hold (``tests/theory/test_state_evolution.py``).

    >>> from shallows import PowerLaw, Problem, bayes_optimal
    >>> point = bayes_optimal(Problem("quadratic", PowerLaw(400, 1.25), samples=26515, noise=0.1))
    >>> round(point.estimation_error, 5), point.status.value
    (0.01889, 'converged')
    """
    check_instance("problem", problem, Problem)
    require_theory(problem)
    point = _solved(problem)
    if throw and point.status is Status.NOT_KNOWN:
        raise NotSupported("network", problem.network, point.status.advice)
    if throw and not point.status.ok:
        raise SolveFailed(f"{point.status.value}: {point.status.advice}", point)
    return point


def _is_invariant(problem: Problem) -> bool:
    """Whether nothing but the spectrum of the whitened teacher is known of it: its directions say nothing."""
    if problem.design.is_white:
        return True
    rotated = problem.architecture.is_matrix and problem.design.shuffles_modes()
    return rotated and bool((problem.design.gaussian_eigenvalues(problem.dim) > 0).all())


@lru_cache(maxsize=512)
def _solved(problem: Problem) -> BayesPoint:
    network, evolution = problem.architecture, STATE_EVOLUTIONS.of(problem.network)
    if not (evolution.has_posterior and _is_invariant(problem)):
        return BayesPoint(math.nan, math.nan, math.nan, math.inf, Status.NOT_KNOWN, False)
    samples = network.constraints(problem.samples, problem.dim)
    noise = network.noise_per_error(problem.noise)
    if problem.energy == 0:
        return BayesPoint(math.sqrt(noise / samples), 0.0, 0.0, 0.0, Status.CONVERGED, True)
    unit = math.sqrt(problem.energy + noise)
    noise /= unit**2
    groups = tuple(
        (share, variance / network.risk_per_error / unit**2) for share, variance in network.noise_groups(problem.noise)
    )
    if noise < NEGLIGIBLE_NOISE:
        noise, groups = 0.0, ((1.0, 0.0),)
    elif len(groups) == 1:
        groups = ((1.0, noise),)
    else:
        noise = 1 / sum(share / variance for share, variance in groups)
    bottom = 1e-20 / samples if noise == 0 else noise / samples

    def equation_on(spectrum: Spectrum) -> _NoiseEquation:
        values = np.ascontiguousarray(spectrum.values / unit)
        weights = np.ascontiguousarray(mode_weights(problem, spectrum))
        return _NoiseEquation(evolution, samples, groups, values, weights)

    low, high = math.log(bottom) - 0.02, -math.log(samples)  # a root may sit at the very bottom
    fine = equation_on(evolution.posterior_spectrum(problem, unit * math.sqrt(bottom)))
    coarse = equation_on(problem.spectrum.coarse)
    recovery = noise == 0 and evolution.recovery_constraints(problem.teacher.coincidence()) <= samples
    if noise == 0 and not recovery:  # modes grouped as equal pretend that zero error is stable
        faithful = (e for e in (coarse, equation_on(problem.spectrum), fine) if e.excess(low) > 0)
        found = next(faithful, None)
        if found is None:
            return BayesPoint(math.nan, math.nan, math.nan, math.inf, Status.INACCURATE, False)
        coarse = found
    grid = np.linspace(low, high, 24 if noise > 0 else 64)
    cell, reachable = _optimal_cell(coarse, grid, recovery)
    if cell is None:
        return BayesPoint(0.0, 0.0, 0.0, 0.0, Status.PERFECT_RECOVERY, reachable)
    start = _root(coarse.excess, 0.5 * (grid[cell] + grid[cell + 1]), grid[cell], grid[cell + 1], 1e-6)
    slope = (coarse.excess(start + 1e-3) - coarse.excess(start - 1e-3)) / 2e-3
    variance = math.exp(_secant(fine.excess, start, slope, low, high))
    error = fine.error(variance)
    residual = abs(samples * variance - fine.total(error)) / (samples * variance)
    error *= unit**2
    return BayesPoint(
        noise_scale=math.sqrt(variance) * unit,
        estimation_error=error,
        excess_risk=network.risk_per_error * error,
        residual=residual,
        status=Status.CONVERGED if residual <= TOLERANCE else Status.INACCURATE,
        reachable=reachable,
    )


def _optimal_cell(equation: _NoiseEquation, grid: FloatArray, recovery: bool) -> tuple[int | None, bool]:
    """Cell of the `grid` of log variances with the optimum, None for zero error; and whether it is reachable.

    `recovery` says whether zero error is a stable solution. Message passing without information comes from high
    variance and stops at the first stable solution.
    """
    values = np.array([equation.excess(x) for x in grid])
    found = [i for i in range(grid.size - 1) if values[i] > 0 >= values[i + 1]]
    if not found:
        if recovery:
            return None, True
        return (0 if values[0] <= 0 else grid.size - 2), True
    if len(found) == 1 and not recovery:
        return found[0], True
    # Free energy along the curve: the integral of (error + noise - samples * variance) over 1/variance.
    slope = np.array([equation.slope(x, value) for x, value in zip(grid, values, strict=True)])
    free_energy = np.concatenate([[0.0], -np.cumsum(0.5 * (slope[1:] + slope[:-1]) * np.diff(grid))])
    chosen = min(found, key=lambda i: free_energy[i])
    if recovery and free_energy[0] <= free_energy[chosen]:
        return None, False
    return chosen, chosen == found[-1]


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
