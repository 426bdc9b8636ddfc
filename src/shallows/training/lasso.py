"""The diagonal network's training minimum: the LASSO, certified.

    minimise  1/2 ||y - X theta||^2 + lam sqrt(d) ||theta||_1                     (theory note, section 1)

Approximate message passing finds the support, up to a few entries, in tens of products with the data; the exact path of
:mod:`.homotopy` corrects it and ends at the minimum to rounding. Where AMP leaves its path (a design far from
Gaussian), coordinate descent makes the first guess instead.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..amp.anderson import Anderson
from ..amp.operators import column_squares
from ..amp.scalar import threshold_for_weight_decay
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
#: AMP iterations over which the movement of the support is watched.
WINDOW = 3


@dataclass
class LassoResult:
    """Weights, their subgradient and certificate, and the work done."""

    theta: FloatArray
    subgradient: FloatArray
    certificate: Certificate
    iterations: int
    details: dict[str, Any]


def solve_lasso(
    inputs: FloatArray,
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
    inputs, labels : ndarrays, shapes (n, d) and (n,)
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
    n, d = inputs.shape
    start_correlations = inputs.T @ labels
    limit = 2000 + 20 * (n + d) if max_iterations is None else max_iterations
    details: dict[str, Any] = {"amp_iterations": 0, "path_steps": 0, "amp_departed": False, "start": "amp"}
    largest_index = float(np.abs(start_correlations).max())
    if largest_index == 0.0 or bound >= largest_index:
        zero = np.zeros(d)
        g = start_correlations / bound if bound > 0 else zero
        details["start"] = "zero"
        if bound == 0:
            details["limit_gap"] = 0.0
        return LassoResult(zero, g, lasso_certificate(inputs, labels, zero, bound), 0, details)
    if bound < 1e-13 * largest_index:  # beyond what rounding can tell from zero
        return _limit(inputs, labels, bound, largest_index, tolerance, limit, method, progress)
    if start is not None and np.count_nonzero(start[0]) <= DIRECT:
        theta, g = start
        details["start"] = "given"
    elif method == "convex" or (method == "auto" and _cyclic(inputs, bound, largest_index)):
        theta, g = _coordinate_descent(inputs, labels, bound, tolerance)
        details["start"] = "coordinate descent"
    elif method == "homotopy":
        theta, g = np.zeros(d), start_correlations / largest_index
        details["start"] = "zero"
    else:
        theta, g, kept = _message_passing(
            inputs,
            labels,
            bound,
            column_squares(inputs),
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
            return LassoResult(
                theta, g, lasso_certificate(inputs, labels, theta, bound), details["amp_iterations"], details
            )
        if not kept:
            theta, g = _coordinate_descent(inputs, labels, bound, tolerance)
            details["start"] = "coordinate descent"
    proof = lasso_certificate(inputs, labels, theta, bound)
    while proof.gap > tolerance and details["path_steps"] < limit:
        theta, g, steps, done = follow(inputs, labels, bound, theta, g, max_steps=limit - details["path_steps"])
        details["path_steps"] += steps
        before, proof = proof.gap, lasso_certificate(inputs, labels, theta, bound)
        if progress is not None:
            progress(details["amp_iterations"] + details["path_steps"], proof.objective)
        # A second walk starts from the first one's end and corrects its rounding; a third would add nothing.
        if done and steps == 0 and proof.gap >= 0.5 * before:
            break
    return LassoResult(theta, g, proof, details["amp_iterations"] + details["path_steps"], details)


def _message_passing(
    inputs: FloatArray,
    labels: FloatArray,
    bound: float,
    squares: FloatArray,
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
    n, d = inputs.shape
    squares = squares / n
    scale = np.where(squares > 0, squares, 1.0)
    root = np.sqrt(scale)
    weight = 1 / np.sqrt(n)
    if start is None:
        state = np.concatenate([np.zeros(d), weight * labels])
    else:  # the fixed point's residual is the misfit over 1 - D/n
        correction = 1 / max(0.02, 1 - np.count_nonzero(start[0]) / n)
        state = np.concatenate([root * start[0], weight * correction * (labels - inputs @ start[0])])
    mixing = Anderson(memory=5, damping=0.7, start=4)
    energy = float(labels @ labels)
    best = np.inf, np.zeros(d), np.zeros(d)
    supports: list[NDArray[np.int8]] = []
    changes: list[float] = []
    lowest_moved, stale, next_look = np.inf, 0, 1e-2 if certify else 1e-6
    for iteration in range(max_iterations):
        theta, residual = state[:d] / root, state[d:] / weight
        if iteration or start is not None:
            correlations = inputs.T @ residual
        observed = scale * theta + correlations / n
        zeta = threshold_for_weight_decay(observed, n, bound)
        theta = np.where(squares > 0, np.sign(observed) * np.maximum(np.abs(observed) - zeta, 0.0) / scale, 0.0)
        active = int(np.count_nonzero(theta))
        # At a jump of D, the fraction of it that solves the threshold's equation.
        freedom = n - bound / zeta if zeta > 0 else float(active)
        miss = labels - _product(inputs, theta, active)
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
        signs = np.sign(theta).astype(np.int8)
        supports.append(signs)
        if certify:
            if change < next_look or iteration == max_iterations - 1:
                next_look = 0.3 * change
                if lasso_certificate(inputs, labels, theta, bound, residual=miss).gap <= tolerance:
                    return theta, np.clip(observed / zeta, -1.0, 1.0), True
        elif len(supports) > WINDOW:
            moved = int((signs != supports.pop(0)).sum())
            # A breakpoint costs a few AMP iterations: hand over once the support moves by no more than a few entries,
            # unless AMP itself is the faster way to the end.
            if moved <= 1 + 0.0015 * active or change < 1e-10:
                past = changes[-min(7, len(changes))]
                speed = (change / past) ** (1 / min(6, len(changes) - 1)) if past > 0 else 0.0
                left = np.log(1e-9 / max(change, 1e-300)) / np.log(speed) if 0 < speed < 0.8 else np.inf
                factorising = active**2 * (1.1e-11 * n + 1e-11 * active) + 1e-9 * n * d
                if change < 1e-10 or 6e-10 * n * d * left > factorising:
                    return best[1], best[2], True
                if change < next_look:
                    next_look = 0.1 * change
                    if lasso_certificate(inputs, labels, theta, bound, residual=miss).gap <= tolerance:
                        return theta, np.clip(observed / zeta, -1.0, 1.0), True
            if moved < 0.9 * lowest_moved:
                lowest_moved, stale = moved, 0
            else:
                stale += 1
            if stale > 30:
                return best[1], best[2], best[0] < 0.5 * energy and change < 0.1
        state = mixing.step(state, following - state) if iteration else following
    return best[1], best[2], True


def _product(inputs: FloatArray, theta: FloatArray, active: int) -> FloatArray:
    """``X theta``, from the active columns alone where they are few."""
    if 32 * active > theta.size:
        return inputs @ theta
    support = np.flatnonzero(theta)
    return inputs[:, support] @ theta[support]


def _cyclic(inputs: FloatArray, bound: float, largest: float) -> bool:
    """Whether coordinate descent is the faster start, by measurements over the phases (`benchmarks/solvers.py`).

    Middling penalties and tall data are its home ground; the more so if the columns lie one after the other in memory,
    since otherwise it begins with a copy.
    """
    n, d = inputs.shape
    share = bound / largest
    if inputs.flags.f_contiguous and not inputs.flags.c_contiguous:
        return n >= 2 * d or share >= 0.025
    return (0.004 if n >= 2 * d else 0.025) <= share < 0.065


def _coordinate_descent(
    inputs: FloatArray, labels: FloatArray, bound: float, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """A first guess for any design, by scikit-learn, and its subgradient."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    n = labels.size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = Lasso(alpha=bound / n, fit_intercept=False, tol=min(0.1 * tolerance, 1e-6), max_iter=300)
        theta = np.array(model.fit(np.asfortranarray(inputs), labels, check_input=False).coef_, dtype=float)
    return theta, inputs.T @ (labels - inputs @ theta) / bound


def _limit(
    inputs: FloatArray,
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
            inputs,
            labels,
            share * largest,
            tolerance=min(tolerance, 1e-6),
            max_iterations=limit,
            start=start,
            method=method,
            progress=progress,
        )
        candidate = _at_limit(inputs, labels, bound, share * largest, near)
        if best is None or candidate.details["limit_gap"] < best.details["limit_gap"]:
            best = candidate
        if best.details["limit_gap"] <= tolerance:
            break
        start, share = (near.theta, near.subgradient), share * 1e-2
    return best  # type: ignore[return-value]


def _at_limit(inputs: FloatArray, labels: FloatArray, bound: float, small: float, near: LassoResult) -> LassoResult:
    """The least-squares fit on the support found at the bound `small`.

    Its gap is that of "least l1 norm among such fits".
    """
    support = np.flatnonzero(near.theta)
    theta = np.zeros_like(near.theta)
    theta[support] = np.linalg.lstsq(inputs[:, support], labels, rcond=1e-13)[0]
    if np.any(theta * near.theta < 0):  # not yet the last linear piece: the small bound is the better answer
        theta = near.theta
    proof = lasso_certificate(inputs, labels, theta, bound)
    size = float(np.abs(theta).sum())
    # The dual point of least norm with X^T u = sign on the support.
    dual = np.linalg.lstsq(inputs[:, support].T, np.sign(theta[support]), rcond=1e-13)[0]
    dual /= max(1.0, float(np.abs(inputs.T @ dual).max()))
    gap = max(0.0, size - float(dual @ (inputs @ theta))) / size if size > 0 else 0.0
    return LassoResult(
        theta, near.subgradient, proof, near.iterations, {**near.details, "limit": True, "limit_gap": gap}
    )
