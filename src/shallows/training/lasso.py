"""The diagonal network's training minimum: the LASSO, certified.

    minimise  1/2 ||y - X theta||^2 + lam sqrt(d) ||theta||_1                     (theory note, section 1)

Approximate message passing finds the support, up to a few per cent, in tens of products with the data; Newton steps on
the support (:mod:`.active_set`) correct it. Where these do not end (far from the minimum, or more weights than samples
would stand), the exact path of :mod:`.homotopy` leads to the minimum to rounding; where AMP leaves its path (a design
far from Gaussian), coordinate descent makes the first guess instead.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..amp.anderson import Anderson
from ..amp.columns import DiagonalOperator
from ..amp.scalar import threshold_for_weight_decay
from .active_set import newton
from .certificates import Certificate, lasso_certificate
from .homotopy import follow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Progress = Callable[[int, float], None]

#: The limit ``0+`` is entered at this share of the smallest weight decay that makes every weight zero.
LIMIT_SHARE = 1e-8
#: From a neighbouring problem with at most this many weights the path is followed at once, without AMP.
DIRECT = 60
#: AMP iterations over which the movement of the support is watched, and the share of it that may still move when Newton
#: takes over.
WINDOW, SETTLED = 3, 0.005
#: Products are in single precision while AMP moves by more than this.
SINGLE = 1e-4


@dataclass
class LassoResult:
    """Weights, their subgradient and certificate, and the work done."""

    theta: FloatArray
    subgradient: FloatArray
    certificate: Certificate
    iterations: int
    details: dict[str, Any]


def solve_lasso(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    *,
    tolerance: float = 1e-6,
    max_iterations: int | None = None,
    start: tuple[FloatArray, FloatArray] | None = None,
    method: str = "auto",
    progress: Progress | None = None,
) -> LassoResult:
    """The minimum for ``bound = lam sqrt(d) >= 0``, to a relative duality gap of `tolerance`.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d)``; 0 means the limit ``0+``: of all least-squares fits the one of least ``||theta||_1``.
    tolerance : float
        Relative duality gap.
    max_iterations : int, optional
        Of AMP and breakpoints of the path together; default ``2000 + 20 (n + d)``.
    start : pair of ndarrays, shape (d,), optional
        Weights and subgradient ``X^T r / bound`` of a neighbouring problem.
    method : {"auto", "amp", "convex", "homotopy"}
        ``"amp"`` stops after message passing; without it, ``"convex"`` starts from coordinate descent and
        ``"homotopy"`` from zero weights.
    """
    n, d = operator.samples, operator.dim
    start_correlations = operator.adjoint(labels)
    limit = 2000 + 20 * (n + d) if max_iterations is None else max_iterations
    details: dict[str, Any] = {
        "amp_iterations": 0,
        "newton_steps": 0,
        "path_steps": 0,
        "amp_departed": False,
        "start": "amp",
    }
    largest_index = float(np.abs(start_correlations).max())
    if largest_index == 0.0 or bound >= largest_index:
        zero = np.zeros(d)
        g = start_correlations / bound if bound > 0 else zero
        details["start"] = "zero"
        if bound == 0:
            details["limit_gap"] = 0.0
        return LassoResult(zero, g, lasso_certificate(operator, labels, zero, bound), 0, details)
    if bound < 1e-13 * largest_index:  # beyond what rounding can tell from zero
        return _limit(operator, labels, bound, largest_index, tolerance, limit, method, progress)
    proof: Certificate | None = None
    if start is not None and np.count_nonzero(start[0]) <= DIRECT:
        theta, g = start
        details["start"] = "given"
    elif method == "homotopy":
        theta, g = np.zeros(d), start_correlations / largest_index
        details["start"] = "zero"
    else:
        cyclic = method == "convex" or (method == "auto" and _cyclic(operator, bound, largest_index))
        if not cyclic:
            theta, g, kept = _message_passing(
                operator,
                labels,
                bound,
                start_correlations,
                min(limit, 250),
                start,
                details,
                progress,
                tolerance,
                method == "amp",
            )
            details["amp_departed"] = not kept
            if method == "amp":
                proof = lasso_certificate(operator, labels, theta, bound)
                return LassoResult(theta, g, proof, details["amp_iterations"], details)
            cyclic = not kept
        if cyclic:
            theta, g, proof = _coordinate_descent(operator, labels, bound, tolerance)
            details["start"] = "coordinate descent"
    proof = lasso_certificate(operator, labels, theta, bound) if proof is None else proof
    if proof.gap > tolerance and details["start"] not in ("given", "zero"):
        near = newton(operator, labels, bound, theta, tolerance=tolerance)
        details["newton_steps"] = near.steps
        if near.certificate.gap < proof.gap:
            theta, g, proof = near.theta, near.subgradient, near.certificate
    while proof.gap > tolerance and details["path_steps"] < limit:
        theta, g, steps, done = follow(operator, labels, bound, theta, g, max_steps=limit - details["path_steps"])
        details["path_steps"] += steps
        before, proof = proof.gap, lasso_certificate(operator, labels, theta, bound)
        if progress is not None:
            progress(_iterations(details), proof.objective)
        # A second walk starts from the first one's end and corrects its rounding; a third would add nothing.
        if done and steps == 0 and proof.gap >= 0.5 * before:
            break
    return LassoResult(theta, g, proof, _iterations(details), details)


def _iterations(details: dict[str, Any]) -> int:
    return int(details["amp_iterations"] + details["newton_steps"] + details["path_steps"])


def _message_passing(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    correlations: FloatArray,
    max_iterations: int,
    start: tuple[FloatArray, FloatArray] | None,
    details: dict[str, Any],
    progress: Progress | None,
    tolerance: float,
    certify: bool,
) -> tuple[FloatArray, FloatArray, bool]:
    """AMP with Anderson mixing until the support settles: weights, subgradient, and whether it stayed on its path.

    Columns are taken at unit mean square: ``v = s theta + X^T r / n`` with `s` their mean squares, and with
    `certify` it goes on until the relative gap is that small: ``theta = soft(v, zeta)/s``.
    """
    n, d = operator.samples, operator.dim
    root, present = operator.scales, operator.squares > 0
    scale = root**2
    weight = 1 / np.sqrt(n)
    if start is None:
        state = np.concatenate([np.zeros(d), weight * labels])
    else:  # the fixed point's residual is the misfit over 1 - D/n
        correction = 1 / max(0.02, 1 - np.count_nonzero(start[0]) / n)
        state = np.concatenate([root * start[0], weight * correction * (labels - operator.forward(start[0]))])
    mixing = Anderson(memory=5, damping=1.0, start=4)
    energy = float(labels @ labels)
    best = np.inf, np.zeros(d), np.zeros(d)
    supports: list[NDArray[np.int8]] = []
    changes: list[float] = []
    lowest_moved, stale, next_look, rough = np.inf, 0, 1e-2 if certify else 1e-6, True
    for iteration in range(max_iterations):
        theta, residual = state[:d] / root, state[d:] / weight
        if iteration or start is not None:
            correlations = operator.adjoint(residual, rough=rough)
        observed = scale * theta + correlations / n
        zeta = threshold_for_weight_decay(observed, n, bound)
        theta = np.where(present, np.sign(observed) * np.maximum(np.abs(observed) - zeta, 0.0) / scale, 0.0)
        active = int(np.count_nonzero(theta))
        # At a jump of D, the fraction of it that solves the threshold's equation.
        freedom = n - bound / zeta if zeta > 0 else float(active)
        miss = labels - operator.forward(theta, rough=rough)
        objective = 0.5 * float(miss @ miss) + bound * float(np.abs(theta).sum())
        details["amp_iterations"] = iteration + 1
        if progress is not None:
            progress(iteration + 1, objective)
        if not np.isfinite(objective) or objective > 10 * energy:
            return best[1], best[2], False
        if objective < best[0]:
            best = objective, theta, np.clip(observed / zeta, -1.0, 1.0) if zeta > 0 else np.sign(theta)
        following = np.concatenate([root * theta, weight * (miss + freedom / n * residual)])
        change = float(np.linalg.norm(following - state)) / max(float(np.linalg.norm(following)), 1e-300)
        changes.append(change)
        rough = change > SINGLE
        signs = np.sign(theta).astype(np.int8)
        supports.append(signs)
        look = change < next_look or (certify and iteration == max_iterations - 1)
        if not certify and len(supports) > WINDOW:
            moved = int((signs != supports.pop(0)).sum())
            settled = moved <= 1 + SETTLED * active or change < 1e-10
            if settled and (change < 1e-10 or _newton_is_faster(n, d, active, changes, tolerance)):
                return best[1], best[2], True
            look = look and settled
            if moved < 0.9 * lowest_moved:
                lowest_moved, stale = moved, 0
            else:
                stale += 1
            if stale > 30:
                return best[1], best[2], best[0] < 0.5 * energy and change < 0.1
        if look:
            next_look = 0.3 * change
            if lasso_certificate(operator, labels, theta, bound, residual=miss).gap <= tolerance:
                return theta, np.clip(observed / zeta, -1.0, 1.0), True
        state = mixing.step(state, following - state) if iteration else following
    return best[1], best[2], True


def _newton_is_faster(n: int, d: int, active: int, changes: list[float], tolerance: float) -> bool:
    """Whether Newton's factor and steps cost less than what AMP, at its present speed, has left to do (seconds)."""
    change, past, lag = changes[-1], changes[-min(7, len(changes))], min(6, len(changes) - 1)
    speed = (change / past) ** (1 / lag) if past > 0 else 0.0
    left = np.log(0.1 * tolerance / max(change, 1e-300)) / np.log(speed) if 0 < speed < 0.8 else np.inf
    return 4e-10 * n * d * left > 1e-11 * active**2 * (n + active / 3) + 2e-9 * n * d


def _cyclic(operator: DiagonalOperator, bound: float, largest: float) -> bool:
    """Whether coordinate descent is the faster start, by measurements over the phases (`benchmarks/solvers.py`).

    Only where the columns lie one after the other in memory, at middling penalties; otherwise it begins with a copy.
    """
    least = 0.004 if operator.samples >= 2 * operator.dim else 0.025
    return operator.by_columns and least <= bound / largest < 0.065


def _coordinate_descent(
    operator: DiagonalOperator, labels: FloatArray, bound: float, tolerance: float
) -> tuple[FloatArray, FloatArray, Certificate]:
    """A first guess for any design, by scikit-learn, with its subgradient and certificate."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # its tolerance is relative to ||y||^2, at least twice the objective
        model = Lasso(alpha=bound / labels.size, fit_intercept=False, tol=min(0.1 * tolerance, 1e-6), max_iter=300)
        theta = np.array(model.fit(np.asfortranarray(operator.inputs), labels, check_input=False).coef_, dtype=float)
    miss = labels - operator.forward(theta)
    correlations = operator.adjoint(miss)
    proof = lasso_certificate(operator, labels, theta, bound, residual=miss, correlations=correlations)
    return theta, correlations / bound, proof


def _limit(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    largest: float,
    tolerance: float,
    limit: int,
    method: str,
    progress: Progress | None,
) -> LassoResult:
    """The limit ``0+``.

    Near enough to zero the minimum is linear in the bound, so the support at a small bound is the limit's.
    """
    best: LassoResult | None = None
    share, start = LIMIT_SHARE, None
    for _ in range(3):
        near = solve_lasso(
            operator,
            labels,
            share * largest,
            tolerance=min(tolerance, 1e-6),
            max_iterations=limit,
            start=start,
            method=method,
            progress=progress,
        )
        candidate = _at_limit(operator, labels, bound, share * largest, near)
        if best is None or candidate.details["limit_gap"] < best.details["limit_gap"]:
            best = candidate
        if best.details["limit_gap"] <= tolerance:
            break
        start, share = (near.theta, near.subgradient), share * 1e-2
    return best  # type: ignore[return-value]


def _at_limit(
    operator: DiagonalOperator, labels: FloatArray, bound: float, small: float, near: LassoResult
) -> LassoResult:
    """The least-squares fit on the support found at the bound `small`.

    Its gap is that of "least l1 norm among such fits".
    """
    support = np.flatnonzero(near.theta)
    columns = operator.columns(support)
    theta = np.zeros_like(near.theta)
    theta[support] = np.linalg.lstsq(columns, labels, rcond=1e-13)[0]
    if np.any(theta * near.theta < 0):  # not yet the last linear piece: the small bound is the better answer
        theta = near.theta
    proof = lasso_certificate(operator, labels, theta, bound)
    size = float(np.abs(theta).sum())
    # The dual point of least norm with X^T u = sign on the support.
    dual = np.asarray(np.linalg.lstsq(columns.T, np.sign(theta[support]), rcond=1e-13)[0], dtype=np.float64)
    dual /= max(1.0, float(np.abs(operator.adjoint(dual)).max()))
    gap = max(0.0, size - float(dual @ operator.forward(theta))) / size if size > 0 else 0.0
    return LassoResult(
        theta, near.subgradient, proof, near.iterations, {**near.details, "limit": True, "limit_gap": gap}
    )
