"""Fixed points of state evolution for every network (theory note, sections 2 to 4).

Sources: arXiv 2509.24882; arXiv 2505.17958 (quadratic, full width); arXiv 2606.28242 (finite width);
Bayati and Montanari 2012 (LASSO risk).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .branches import Branches
from .compiled_solver import DIVERGENT, NO_SOLUTION, PERFECT, solve_scaled
from .covariance import moments_with_covariance, silencing_with_covariance, solve_with_covariance
from .protocol import STATE_EVOLUTIONS, StateEvolution, mode_weights
from .python_solver import solve_plain
from .result import NEGLIGIBLE_NOISE, TOLERANCE, FixedPoint, Status, require_theory

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem


def moments(problem: Problem, noise_scale: float, threshold: float) -> tuple[float, float]:
    """Error and degrees of freedom of the soft-threshold estimator of `problem`, anywhere.

    Parameters
    ----------
    problem : Problem
        Only its network, teacher and width matter.
    noise_scale : float
        ``tau`` or ``delta``, positive.
    threshold : float
        ``zeta >= 0``.

    Returns
    -------
    error : float
        ``R`` (diagonal) or ``E`` (quadratic).
    degrees_of_freedom : float
        ``D`` (diagonal) or ``A`` (quadratic; ``A d^2/2`` is their number).

    Raises
    ------
    NotSupported
        If the network has no state evolution.

    Examples
    --------
    A threshold beyond everything learns nothing: the error is the teacher's energy.

    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import moments
    >>> problem = Problem("quadratic", PowerLaw(dim=100, gamma=1.25), samples=2000)
    >>> error, freedom = moments(problem, noise_scale=0.5, threshold=100.0)
    >>> round(error, 12), freedom
    (1.0, 0.0)
    """
    if not problem.design.is_white:
        return moments_with_covariance(problem, noise_scale, threshold)
    spectrum = problem.spectrum
    error, dof = STATE_EVOLUTIONS.of(problem.network).moments(
        noise_scale, threshold, problem.rank_share, spectrum.values, mode_weights(problem, spectrum)
    )
    return float(error), float(dof)


def silencing_threshold(problem: Problem, noise_scale: float) -> float:
    """A threshold beyond every noisy mode of `problem`: what it leaves is far below rounding.

    Parameters
    ----------
    problem : Problem
        Only its network, teacher and design matter.
    noise_scale : float

    Returns
    -------
    float

    Raises
    ------
    NotSupported
        If the network has no state evolution.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import moments, silencing_threshold
    >>> problem = Problem("diagonal", PowerLaw(dim=100, gamma=1.25), samples=2000)
    >>> moments(problem, 0.1, silencing_threshold(problem, 0.1))[1] < 1e-15
    True
    """
    if not problem.design.is_white:
        return silencing_with_covariance(problem, noise_scale)
    evolution = STATE_EVOLUTIONS.of(problem.network)
    return float(evolution.silencing_threshold(float(problem.spectrum.values[0]), noise_scale))


@dataclass(frozen=True)
class _Equations:
    """The two equations of a problem, in units where teacher energy and noise add up to one.

    ``threshold (constraints - D) = strength`` and ``constraints * noise_scale^2 = error + noise``.
    """

    evolution: StateEvolution
    unit: float
    constraints: float
    rank_share: float
    noise: float
    strength: float
    values: FloatArray
    weights: FloatArray

    def moments(self, noise_scale: float, threshold: float) -> tuple[float, float]:
        """Error and degrees of freedom."""
        return self.evolution.moments(noise_scale, threshold, self.rank_share, self.values, self.weights)

    def first_threshold(self, noise_scale: float) -> float:
        """About the largest threshold that matters at this noise scale."""
        return self.evolution.silencing_threshold(float(self.values[0]), noise_scale)

    def better_known_threshold(self, noise_scale: float, threshold: float, dof: float) -> float:
        """`threshold` as found, or taken from the penalty where that determines it better than the noise scale does."""
        free = self.constraints - dof
        if self.strength > 0 and threshold < 1e-3 * noise_scale and free > 0.25 * self.constraints:
            return self.strength / free
        if self.strength == 0 and free > 1e-9 * self.constraints:
            return 0.0
        return threshold

    def slack(self, threshold: float, dof: float) -> float:
        """``1 - D/N``, from the penalty where there is one: without cancellation."""
        if self.strength > 0:
            return self.strength / (self.constraints * threshold)
        return (self.constraints - dof) / self.constraints if threshold == 0.0 else 0.0

    def residual(self, variance: float, threshold: float, error: float, dof: float) -> float:
        """Largest relative violation of the two equations."""
        samples, free = self.constraints, self.constraints - dof
        residual = abs(samples * variance - (error + self.noise)) / (samples * variance)
        if self.strength > 0 or threshold > 0:
            missed = abs(threshold * free - self.strength) / (self.strength + samples * threshold)
            residual = max(residual, missed)
        return residual


def solve(problem: Problem, weight_decay: float | None = None, penalty: float | None = None) -> FixedPoint:
    """Fixed point of the state evolution of `problem`.

    Parameters
    ----------
    problem : Problem
    weight_decay, penalty : float
        Exactly one: ``lam``, or ``pen`` of the quadratic network; 0 means the limit ``0+``.

    Returns
    -------
    FixedPoint
        Never raises for a failed solve: look at ``status``.

    Raises
    ------
    InvalidArgument
        For unusable arguments; a network without state evolution, or a design without theory, is a
        :class:`shallows.errors.NotSupported`.

    Examples
    --------
    The first of the spot values that the tests hold (``tests/theory/test_state_evolution.py``).

    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import solve
    >>> point = solve(Problem("quadratic", PowerLaw(400, 1.25), samples=26515, noise=0.1), penalty=0.020354)
    >>> point.status.value, round(point.estimation_error, 4), round(point.noise_scale, 4), round(point.threshold, 4)
    ('converged', 0.0659, 0.5913, 0.3764)
    """
    lam, pen = problem.regularisation(weight_decay, penalty)
    require_theory(problem)
    if not problem.design.is_white:
        return solve_with_covariance(problem, lam, pen)
    network, spectrum, coarse, dim = problem.architecture, problem.spectrum, problem.spectrum.coarse, problem.dim
    evolution = STATE_EVOLUTIONS.of(network)
    if evolution.has_several:
        branches = Branches.of(problem, lam, pen)
        if branches is None:
            return FixedPoint(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, Status.PERFECT_RECOVERY)
        return branches.followed()
    constraints = network.constraints(problem.samples, dim)
    noise, strength = network.noise_per_error(problem.noise), network.strength(lam, pen, dim)
    weights = mode_weights(problem, spectrum)
    unit = math.sqrt(float(weights @ spectrum.values**2) + noise)
    if unit == 0.0:  # nothing to learn and nothing to fit
        return FixedPoint(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, Status.PERFECT_RECOVERY)
    if noise == 0.0 and strength == 0.0 and evolution.is_determined(constraints, dim):
        return FixedPoint(0.0, 0.0, 0.0, float(dim), 1 - dim / constraints, 0.0, Status.PERFECT_RECOVERY)
    scaled_noise = noise / unit**2
    equations = _Equations(
        evolution,
        unit,
        constraints,
        problem.rank_share,
        scaled_noise if scaled_noise >= NEGLIGIBLE_NOISE else 0.0,
        strength / unit,
        np.ascontiguousarray(spectrum.values / unit),
        np.ascontiguousarray(weights),
    )
    return _solve(
        equations,
        np.ascontiguousarray(coarse.values / unit),
        np.ascontiguousarray(mode_weights(problem, coarse)),
        freedom_unit=network.freedom_unit(dim),
        noiseless=problem.noise == 0,
    )


def _solve(
    equations: _Equations, coarse_values: FloatArray, coarse_weights: FloatArray, freedom_unit: float, noiseless: bool
) -> FixedPoint:
    """Solve the scaled equations and report in the units of the network."""
    samples = equations.constraints
    if equations.evolution.code is None:
        code, variance, zeta, error, dof = solve_plain(
            equations.moments, samples, equations.noise, equations.strength, equations.first_threshold
        )
    else:
        code, variance, zeta, error, dof = solve_scaled(
            equations.evolution.code,
            equations.rank_share,
            samples,
            equations.noise,
            equations.strength,
            equations.values,
            equations.weights,
            coarse_values,
            coarse_weights,
        )
    if code in (NO_SOLUTION, DIVERGENT):
        status = Status.NO_SOLUTION if code == NO_SOLUTION else Status.DIVERGENT
        return FixedPoint(math.nan, math.nan, math.nan, math.nan, math.nan, math.inf, status)
    if code == PERFECT:
        dof = min(dof, samples)
        exact = noiseless and equations.strength == 0
        status = Status.PERFECT_RECOVERY if exact else Status.BELOW_PRECISION
        return FixedPoint(0.0, 0.0, 0.0, dof * freedom_unit, 1 - dof / samples, 0.0, status)
    scale = math.sqrt(variance)
    zeta = equations.better_known_threshold(scale, zeta, dof)
    error, dof = equations.moments(scale, zeta)  # afresh from the two reported numbers, with a finer quadrature
    slack, residual = equations.slack(zeta, dof), equations.residual(variance, zeta, error, dof)
    good = residual <= TOLERANCE and error >= 0 and 0 <= slack <= 1 + TOLERANCE
    return FixedPoint(
        noise_scale=float(scale * equations.unit),
        threshold=float(zeta * equations.unit),
        estimation_error=float(error * equations.unit**2),
        degrees_of_freedom=float(dof * freedom_unit),
        slack=float(min(slack, 1.0)),
        residual=float(residual),
        status=Status.CONVERGED if good else Status.INACCURATE,
    )
