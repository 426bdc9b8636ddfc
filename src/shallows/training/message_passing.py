"""Approximate message passing as the first stage of the LASSO (theory note, sections 9 and 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..amp.anderson import Anderson
from ..denoisers import threshold_for_weight_decay
from .certificates import lasso_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..operators.diagonal import DiagonalOperator

    Progress = Callable[[int, float], None]

#: Iterations at most.
LONGEST = 250
#: Iterations over which the movement of the support is watched, and the share of it that may still move when Newton
#: takes over.
WINDOW, SETTLED = 3, 0.005
#: Watched supports in a row that do not move less than before, after which AMP is stuck.
PATIENCE = 30
#: Relative movements: of an iteration that still does with products in single precision, and of one that stands still.
SINGLE, STILL = 1e-4, 1e-10


@dataclass
class Passed:
    """Weights, their subgradient, the iterations taken, and whether AMP stayed on its path."""

    theta: FloatArray
    subgradient: FloatArray
    iterations: int
    kept: bool


class _Watch:
    """How the support and the state move."""

    def __init__(self) -> None:
        self.supports: list[NDArray[np.int8]] = []
        self.changes: list[float] = []
        self.moved: float = np.inf
        self.least, self.stale = np.inf, 0

    def see(self, theta: FloatArray, change: float) -> None:
        """One more iteration, that moved the state by the relative `change`."""
        self.changes.append(change)
        signs = np.sign(theta).astype(np.int8)
        self.supports.append(signs)
        if len(self.supports) <= WINDOW:
            return
        self.moved = int((signs != self.supports.pop(0)).sum())
        if self.moved < 0.9 * self.least:
            self.least, self.stale = self.moved, 0
        else:
            self.stale += 1

    def settled(self, active: int) -> bool:
        """Whether few of the `active` weights still come and go."""
        return self.moved <= 1 + SETTLED * active or self.changes[-1] < STILL

    def newton_is_faster(self, n: int, d: int, active: int, tolerance: float) -> bool:
        """Whether Newton's factor and steps cost less than what AMP, at its present speed, has left (seconds)."""
        change, past = self.changes[-1], self.changes[-min(7, len(self.changes))]
        if change < STILL:
            return True
        speed = (change / past) ** (1 / min(6, len(self.changes) - 1)) if past > 0 else 0.0
        left = np.log(0.1 * tolerance / change) / np.log(speed) if 0 < speed < 0.8 else np.inf
        return 4e-10 * n * d * left > 1e-11 * active**2 * (n + active / 3) + 2e-9 * n * d


def pass_messages(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    *,
    tolerance: float,
    max_iterations: int,
    alone: bool = False,
    start: FloatArray | None = None,
    progress: Progress | None = None,
) -> Passed:
    """AMP with Anderson mixing until the support settles; with `alone`, until the relative gap is at most `tolerance`.

    Columns are taken at unit mean square: ``v = s theta + X^T r / n`` with `s` their mean squares,
    ``theta = soft(v, zeta)/s``. `start` (d,) are weights of a neighbouring problem.
    """
    n, d = operator.samples, operator.dim
    root, present = operator.scales, operator.squares > 0
    squares = root**2
    unit = np.sqrt(n)  # the state holds root * theta and r / unit: numbers of one size
    if start is None:
        state = np.concatenate([np.zeros(d), labels / unit])
    else:  # the fixed point's residual is the misfit over 1 - D/n
        misfit = (labels - operator.forward(start)) / max(0.02, 1 - np.count_nonzero(start) / n)
        state = np.concatenate([root * start, misfit / unit])
    mixing, watch = Anderson(memory=5, damping=1.0, start=4), _Watch()
    energy = float(labels @ labels)
    lowest, out = np.inf, Passed(np.zeros(d), np.zeros(d), 0, True)
    next_look, rough = 1e-2 if alone else 1e-6, True
    for iteration in range(1, min(LONGEST, max_iterations) + 1):
        theta, residual = state[:d] / root, state[d:] * unit
        observed = squares * theta + operator.adjoint(residual, rough=rough) / n
        zeta = threshold_for_weight_decay(observed, n, bound)
        theta = np.where(present, np.sign(observed) * np.maximum(np.abs(observed) - zeta, 0.0) / squares, 0.0)
        active = int(np.count_nonzero(theta))
        # At a jump of D, the fraction of it that solves the threshold's equation.
        freedom = n - bound / zeta if zeta > 0 else float(active)
        miss = labels - operator.forward(theta, rough=rough)
        objective = 0.5 * float(miss @ miss) + bound * float(np.abs(theta).sum())
        out.iterations = iteration
        if progress is not None:
            progress(iteration, objective)
        if not np.isfinite(objective) or objective > 10 * energy:
            out.kept = False
            return out
        subgradient = np.clip(observed / zeta, -1.0, 1.0) if zeta > 0 else np.sign(theta)
        if objective < lowest:
            lowest, out.theta, out.subgradient = objective, theta, subgradient
        following = np.concatenate([root * theta, (miss + freedom / n * residual) / unit])
        change = float(np.linalg.norm(following - state)) / max(float(np.linalg.norm(following)), 1e-300)
        watch.see(theta, change)
        rough = change > SINGLE
        look = change < next_look
        if not alone:
            if watch.settled(active):
                if watch.newton_is_faster(n, d, active, tolerance):
                    return out
            else:
                look = False
            if watch.stale > PATIENCE:
                out.kept = lowest < 0.5 * energy and change < 0.1
                return out
        if look:
            next_look = 0.3 * change
            if lasso_certificate(operator, labels, theta, bound, residual=miss).gap <= tolerance:
                out.theta, out.subgradient = theta, subgradient
                return out
        state = mixing.step(state, following - state) if iteration > 1 else following
    return out
