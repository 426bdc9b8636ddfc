"""The quadratic network's training minimum: nuclear norm over positive semidefinite matrices, certified.

    minimise  (1/d^2) sum (y - Tr[S Z])^2 + pen Tr(S)/d   over S >= 0              (theory note, section 1)

Three stages, each handing its best point to the next: approximate message passing with the threshold that
belongs to the asked penalty on the present spectrum (sections 9, 10), whose fixed point is the minimum itself and which
takes tens of iterations on data that look Gaussian; accelerated proximal gradient, for any design; and Newton steps
by conjugate gradients on the factor ``S = F F^T``, which finish what is badly conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..amp.anderson import Anderson
from ..denoisers import threshold_for_penalty
from .certificates import Certificate, nuclear_certificate
from .factored import newton

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..operators import QuadraticOperator

    Progress = Callable[[int, float], None]

#: AMP gives up after this many iterations without a lower objective.
PATIENCE = 12


@dataclass
class Best:
    """The best certified point so far, the work done, and how it was found."""

    factor: FloatArray
    fitted: FloatArray
    certificate: Certificate
    iterations: int = 0
    solver: str = "amp"


def solve_nuclear(
    operator: QuadraticOperator,
    labels: FloatArray,
    penalty: float,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    start: FloatArray | None = None,
    method: str = "auto",
    progress: Progress | None = None,
) -> tuple[Best, dict[str, Any]]:
    """The minimum for ``penalty > 0``, to a relative duality gap of `tolerance` where floating point allows.

    Parameters
    ----------
    operator : QuadraticOperator
        Of the inputs (n, d): all that is done with them goes through it.
    labels : ndarray, shape (n,)
    penalty : float
        `pen`.
    tolerance : float
        Relative duality gap.
    max_iterations : int
        Of AMP and proximal gradient together.
    start : ndarray, shape (d, r), optional
        Factor of a first guess.
    method : {"auto", "amp", "proximal"}
        Leave out AMP with ``"proximal"``; ``"amp"`` stops after it.

    Returns
    -------
    Best
    dict
        Details: iterations of each stage, whether AMP left its path.
    """
    d = operator.dim
    factor = np.zeros((d, 0)) if start is None else start
    fitted = operator.forward_factor(factor)
    best = Best(
        factor, fitted, nuclear_certificate(operator, labels, factor, penalty, residual=labels - fitted), 0, "start"
    )
    details: dict[str, Any] = {
        "amp_iterations": 0,
        "proximal_iterations": 0,
        "newton_iterations": 0,
        "amp_departed": False,
    }
    if best.certificate.gap <= tolerance:
        return best, details
    if method != "proximal":
        details["amp_departed"] = not _message_passing(
            operator, labels, penalty, tolerance, max_iterations, best, details, progress
        )
        if best.certificate.gap <= tolerance or method == "amp":
            return best, details
    if start is None and best.certificate.gap > 0.5:
        _continuation(operator, labels, penalty, best, details, progress)
    proximal_tolerance = max(tolerance, 1e-3)
    while best.certificate.gap > tolerance and best.iterations < max_iterations:
        before = best.certificate.objective, best.certificate.gap
        _proximal(
            operator,
            labels,
            penalty,
            proximal_tolerance,
            min(200, max_iterations - best.iterations),
            best,
            details,
            progress,
        )
        if best.certificate.gap > tolerance:
            newton(operator, labels, penalty, tolerance, best, details)
        if best.certificate.gap >= 0.999 * before[1] and best.certificate.objective >= before[0] * (1 - 1e-13):
            break
        proximal_tolerance = max(tolerance, proximal_tolerance * 0.1)
    return best, details


def _continuation(
    operator: QuadraticOperator,
    labels: FloatArray,
    penalty: float,
    best: Best,
    details: dict[str, Any],
    progress: Progress | None,
) -> None:
    """Approach a small penalty from larger ones, roughly: the factor's rank and scale are then about right."""
    larger = 0.1 * 2 * float(operator.eigvalsh(operator.adjoint(labels))[-1]) / operator.dim
    while larger > 3 * penalty:
        proof = nuclear_certificate(operator, labels, best.factor, larger, residual=labels - best.fitted)
        stage = Best(best.factor, best.fitted, proof, best.iterations, best.solver)
        _proximal(operator, labels, larger, 1e-2, 60, stage, details, progress)
        newton(operator, labels, larger, 1e-2, stage, details)
        best.iterations = stage.iterations
        _look(operator, labels, penalty, stage.factor, stage.fitted, best, stage.solver)
        best.factor, best.fitted = stage.factor, stage.fitted
        best.certificate = nuclear_certificate(operator, labels, stage.factor, penalty, residual=labels - stage.fitted)
        larger *= 0.1


def solve_limit(
    operator: QuadraticOperator,
    labels: FloatArray,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    method: str = "auto",
    progress: Progress | None = None,
) -> tuple[Best, dict[str, Any], float]:
    """The limit ``pen -> 0+``, at 1e-6 of the penalty that makes ``S`` vanish, by continuation from larger ones.

    Returns the best point at that penalty, the details and the penalty. Where the labels are interpolated, details hold
    ``limit_gap``, the relative duality gap of "least trace among interpolating ``S >= 0``".
    """
    largest = 2 * float(operator.eigvalsh(operator.adjoint(labels))[-1]) / operator.dim
    if largest <= 0:
        best, details = solve_nuclear(operator, labels, 1.0, tolerance=tolerance)
        return best, {**details, "limit": True}, 0.0
    start: FloatArray | None = None
    iterations = 0
    for share in (1e-2, 1e-4, 1e-6):
        best, details = solve_nuclear(
            operator,
            labels,
            share * largest,
            tolerance=tolerance,
            max_iterations=max_iterations,
            start=start,
            method=method,
            progress=progress,
        )
        start, iterations = best.factor, iterations + best.iterations
    best.iterations = iterations
    details["limit"] = True
    miss = labels - best.fitted
    trace = float(np.square(best.factor).sum())
    if float(miss @ miss) <= 1e-4 * float(labels @ labels) and trace > 0:
        dual = miss / max(float(operator.eigvalsh(operator.adjoint(miss))[-1]), 1e-300)
        details["limit_gap"] = abs(trace - float(dual @ best.fitted)) / trace
    return best, details, share * largest


def _look(
    operator: QuadraticOperator,
    labels: FloatArray,
    penalty: float,
    factor: FloatArray,
    fitted: FloatArray,
    best: Best,
    solver: str,
) -> Certificate:
    """Certificate of a candidate; it becomes the best if its gap, or at equal gap its objective, is lower."""
    proof = nuclear_certificate(operator, labels, factor, penalty, residual=labels - fitted)
    if np.isfinite(proof.objective) and (
        proof.gap < best.certificate.gap or proof.objective < best.certificate.objective * (1 - 1e-12)
    ):
        best.factor, best.fitted, best.certificate, best.solver = factor, fitted, proof, solver
    return proof


def _message_passing(
    operator: QuadraticOperator,
    labels: FloatArray,
    penalty: float,
    tolerance: float,
    max_iterations: int,
    best: Best,
    details: dict[str, Any],
    progress: Progress | None,
) -> bool:
    """AMP with Anderson mixing; False if it left its path before the tolerance was reached."""
    n, d = operator.samples, operator.dim
    alpha = n / d**2
    # The state is (S, r); the weight gives both blocks the same noise per degree of freedom.
    weight = 1 / np.sqrt(2 * alpha * d)
    state = np.concatenate([(best.factor @ best.factor.T).ravel(), weight * (labels - best.fitted)])
    mixing = Anderson(memory=5, damping=0.7, start=6)
    lowest, stale, next_look = np.inf, 0, 1e-4
    for iteration in range(min(max_iterations, 400)):
        matrix, residual = state[: d * d].reshape(d, d), state[d * d :] / weight
        values, vectors = operator.eigh(matrix + operator.adjoint(residual) / (2 * alpha * d))
        zeta, divergence = threshold_for_penalty(values, alpha, penalty)
        kept = values > zeta
        factor = vectors[:, kept] * np.sqrt(values[kept] - zeta)
        fitted = operator.forward_factor(factor)
        miss = labels - fitted
        objective = float(miss @ miss) / d**2 + penalty * float((values[kept] - zeta).sum()) / d
        following = np.concatenate([(factor @ factor.T).ravel(), weight * (miss + divergence / (2 * alpha) * residual)])
        best.iterations += 1
        details["amp_iterations"] += 1
        if progress is not None:
            progress(best.iterations, objective)
        if not np.isfinite(objective) or objective > 1e3 * max(float(labels @ labels) / d**2, 1e-300):
            return False
        # The gap is of first order in the error and the certificate costs another adjoint: look when the residual of
        # the fixed point has fallen enough for the answer to be new.
        change = float(np.linalg.norm(following - state)) / max(float(np.linalg.norm(following)), 1e-300)
        if change < next_look:
            proof = _look(operator, labels, penalty, factor, fitted, best, "amp")
            if best.certificate.gap <= tolerance:
                return True
            next_look = change * min(0.5, max(0.02, 1.5 * tolerance / proof.gap))
        if objective < lowest * (1 - 1e-3 * tolerance):
            lowest, stale = objective, 0
        else:
            stale += 1
            if (stale > PATIENCE and change > 1e-3) or stale > 4 * PATIENCE:
                _look(operator, labels, penalty, factor, fitted, best, "amp")
                return best.certificate.gap <= tolerance
        state = mixing.step(state, following - state) if iteration else following
    _look(operator, labels, penalty, factor, fitted, best, "amp")
    return best.certificate.gap <= tolerance


def _proximal(
    operator: QuadraticOperator,
    labels: FloatArray,
    penalty: float,
    tolerance: float,
    max_iterations: int,
    best: Best,
    details: dict[str, Any],
    progress: Progress | None,
) -> None:
    """Accelerated proximal gradient with backtracking and restarts, from the best point."""
    d = operator.dim
    current, fitted = best.factor @ best.factor.T, best.fitted
    ahead, ahead_fitted = current, fitted
    momentum, plain = 1.0, True
    curvature = details.get("curvature", 4 * operator.samples / d**3)
    objective = best.certificate.objective
    for iteration in range(max_iterations):
        slope = (-2 / d**2) * operator.adjoint(labels - ahead_fitted)
        while True:
            values, vectors = operator.eigh(ahead - slope / curvature)
            shrunk = values - penalty / (d * curvature)
            kept = shrunk > 0
            factor = vectors[:, kept] * np.sqrt(shrunk[kept])
            following, following_fitted = factor @ factor.T, operator.forward_factor(factor)
            move = float(np.square(following - ahead).sum())
            change = float(np.square(following_fitted - ahead_fitted).sum()) / d**2
            if change <= 0.5 * curvature * move * (1 + 1e-10) or move == 0 or not np.isfinite(change):
                break
            curvature *= max(1.5, min(10.0, 2 * change / move / curvature))
        miss = labels - following_fitted
        value = float(miss @ miss) / d**2 + penalty * float(shrunk[kept].sum()) / d
        best.iterations += 1
        details["proximal_iterations"] += 1
        if progress is not None:
            progress(best.iterations, value)
        if not np.isfinite(value):
            break
        if value > objective:  # momentum overshot: start again from here without it
            if plain:  # a plain step cannot rise but by rounding
                break
            momentum, ahead, ahead_fitted, plain = 1.0, current, fitted, True
            curvature *= 1.1
            continue
        stopped = objective - value <= 1e-3 * tolerance * value
        growth = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        factor_ahead = (momentum - 1) / growth
        ahead = following + factor_ahead * (following - current)
        ahead_fitted = following_fitted + factor_ahead * (following_fitted - fitted)
        current, fitted, objective, momentum, plain = following, following_fitted, value, growth, False
        curvature *= 0.97
        if iteration % 10 == 9 or stopped:
            proof = _look(operator, labels, penalty, factor, fitted, best, "proximal")
            if proof.gap <= tolerance or (stopped and iteration > 20):
                break
    details["curvature"] = curvature
