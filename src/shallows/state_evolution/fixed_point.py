"""Fixed points of state evolution for both networks (theory note, sections 2 to 4).

Sources: arXiv 2509.24882; arXiv 2505.17958 (quadratic, full width); arXiv 2606.28242 (finite width);
Bayati and Montanari 2012 (LASSO risk).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .driver import DIAGONAL, DIVERGENT, NO_SOLUTION, PERFECT, QUADRATIC, solve_scaled
from .moments import diagonal_moments, quadratic_moments_at
from .result import FixedPoint, Status

if TYPE_CHECKING:
    from ..problems import Problem

#: Largest relative residual a prediction may carry.
TOLERANCE = 1e-8
#: Noise below this share of the teacher's energy is beyond double precision and solved for as none.
NEGLIGIBLE_NOISE = 1e-26


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
    """
    spectrum = problem.spectrum
    if problem.network == "diagonal":
        error, dof = diagonal_moments(threshold, noise_scale, spectrum.values, spectrum.multiplicities)
    else:
        share = problem.effective_width / problem.dim
        error, dof = quadratic_moments_at(noise_scale, threshold, share, spectrum.values, spectrum.weights)
    return float(error), float(dof)


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
    """
    lam, pen = problem.regularisation(weight_decay, penalty)
    quadratic = problem.network == "quadratic"
    spectrum, coarse, dim = problem.spectrum, problem.spectrum.coarse, problem.dim
    if quadratic:
        network, samples, share = QUADRATIC, 2 * problem.alpha, min(1.0, problem.effective_width / dim)
        noise, strength = problem.noise / 2, (pen or 0.0) / 2
        weights, coarse_weights, count = spectrum.weights, coarse.weights, dim**2 / 2
    else:
        network, samples, share = DIAGONAL, float(problem.samples), 1.0
        noise, strength = problem.noise, lam * math.sqrt(dim)
        weights, coarse_weights, count = spectrum.multiplicities, coarse.multiplicities, 1.0
    unit = math.sqrt(float(weights @ spectrum.values**2) + noise)
    if unit == 0.0:  # nothing to learn and nothing to fit
        return FixedPoint(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, Status.PERFECT_RECOVERY)
    if not quadratic and noise == 0.0 and strength == 0.0 and samples >= dim:  # an invertible linear system
        return FixedPoint(0.0, 0.0, 0.0, float(dim), 1 - dim / samples, 0.0, Status.PERFECT_RECOVERY)
    s, w = np.ascontiguousarray(spectrum.values / unit), np.ascontiguousarray(weights)
    noise, strength = noise / unit**2, strength / unit
    if noise < NEGLIGIBLE_NOISE:
        noise = 0.0
    code, variance, zeta, error, dof = solve_scaled(
        network,
        share,
        samples,
        noise,
        strength,
        s,
        w,
        np.ascontiguousarray(coarse.values / unit),
        np.ascontiguousarray(coarse_weights),
    )
    if code in (NO_SOLUTION, DIVERGENT):
        status = Status.NO_SOLUTION if code == NO_SOLUTION else Status.DIVERGENT
        return FixedPoint(math.nan, math.nan, math.nan, math.nan, math.nan, math.inf, status)
    if code == PERFECT:
        dof = min(dof, samples)
        exact = problem.noise == 0 and strength == 0
        status = Status.PERFECT_RECOVERY if exact else Status.BELOW_PRECISION
        return FixedPoint(0.0, 0.0, 0.0, dof * count, 1 - dof / samples, 0.0, status)
    scale = math.sqrt(variance)
    free = samples - dof
    if strength > 0 and zeta < 1e-3 * scale and free > 0.25 * samples:
        zeta = strength / free  # a small threshold is known better from the penalty than from the noise scale
    elif strength == 0 and free > 1e-9 * samples:
        zeta = 0.0
    # Evaluated afresh from the two reported numbers, with a finer quadrature.
    if quadratic:
        error, dof = quadratic_moments_at(scale, zeta, share, s, w)
    else:
        error, dof = diagonal_moments(zeta, scale, s, w)
    free = samples - dof
    if strength > 0:
        slack = strength / (samples * zeta)
    else:
        slack = free / samples if zeta == 0.0 else 0.0
    residual = abs(samples * variance - (error + noise)) / (samples * variance)
    if strength > 0 or zeta > 0:
        residual = max(residual, abs(zeta * free - strength) / (strength + samples * zeta))
    good = residual <= TOLERANCE and error >= 0 and 0 <= slack <= 1 + TOLERANCE
    return FixedPoint(
        noise_scale=float(scale * unit),
        threshold=float(zeta * unit),
        estimation_error=float(error * unit**2),
        degrees_of_freedom=float(dof * count),
        slack=float(min(slack, 1.0)),
        residual=float(residual),
        status=Status.CONVERGED if good else Status.INACCURATE,
    )
