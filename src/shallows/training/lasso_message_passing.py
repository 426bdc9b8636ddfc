"""Approximate message passing as the first stage of the LASSO (theory note, sections 9 and 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..amp import MessageStep
from ..amp.anderson import Anderson
from ..denoisers import threshold_for_weight_decay
from .certificates import lasso_certificate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray
    from .lasso_search import LassoSearch

#: Iterations at most.
LONGEST = 250
#: Iterations over which the movement of the support is watched, and the share of it that may still move when Newton
#: takes over.
WINDOW, SETTLED = 3, 0.005
#: Watched supports in a row that do not move less than before, after which AMP is stuck.
PATIENCE = 30
#: After so many iterations, so large a share of the samples that still stands as weights stays.
EARLY, INTERPOLATES = 20, 0.97
#: Relative movements: of an iteration that still does with products in single precision, and of one that stands still.
SINGLE, STILL = 1e-4, 1e-10


@dataclass
class MessagePassingResult:
    """Weights and their subgradient (d,), and how AMP ended.

    Attributes
    ----------
    theta, subgradient : ndarrays, shape (d,)
    dual : ndarray, shape (n,)
        Direction of a dual point: the corrected residual, whose correlations are those of the subgradient at the end.
    iterations : int
    on_path : bool
        Whether AMP stayed on its path.
    interpolates : bool
        Whether it was left because about as many weights as samples stand.
    """

    theta: FloatArray
    subgradient: FloatArray
    dual: FloatArray
    iterations: int = 0
    on_path: bool = True
    interpolates: bool = False


class _SupportWatch:
    """How the support and the state move."""

    def __init__(self) -> None:
        self.supports: list[NDArray[np.int8]] = []
        self.changes: list[float] = []
        self.moved: float = np.inf
        self.smallest, self.without_progress = np.inf, 0

    def record(self, theta: FloatArray, change: float) -> None:
        """One more iteration, that moved the state by the relative `change`."""
        self.changes.append(change)
        signs = np.sign(theta).astype(np.int8)
        self.supports.append(signs)
        if len(self.supports) <= WINDOW:
            return
        self.moved = int((signs != self.supports.pop(0)).sum())
        if self.moved < 0.9 * self.smallest:
            self.smallest, self.without_progress = self.moved, 0
        else:
            self.without_progress += 1

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


@dataclass(frozen=True, eq=False)
class _Proposal:
    """One iteration: the estimate, its subgradient and miss of the labels, its objective, and the next state."""

    theta: FloatArray
    subgradient: FloatArray
    miss: FloatArray
    objective: float
    following: FloatArray

    @property
    def active(self) -> int:
        return int(np.count_nonzero(self.theta))


class _UnitColumns:
    """The iteration on columns at unit mean square: ``v = s theta + X^T r / n``, ``theta = soft(v, zeta)/s``.

    `s` are the columns' mean squares. The state (d + n,) holds ``sqrt(s) theta`` and ``r / sqrt(n)``, numbers of one
    size.
    """

    def __init__(self, search: LassoSearch) -> None:
        operator = search.operator
        self.operator, self.labels, self.bound = operator, search.labels, search.bound
        self.step = MessageStep("diagonal", operator)
        self.root, self.present = operator.scales, operator.squares > 0
        self.squares, self.unit = self.root**2, np.sqrt(operator.samples)

    def state(self, start: FloatArray | None) -> FloatArray:
        """The first state: from zero, or from weights of a neighbouring problem."""
        n, d = self.operator.samples, self.operator.dim
        if start is None:
            return np.concatenate([np.zeros(d), self.labels / self.unit])
        # the fixed point's residual is the misfit over 1 - D/n
        misfit = (self.labels - self.operator.forward(start)) / max(0.02, 1 - np.count_nonzero(start) / n)
        return np.concatenate([self.root * start, misfit / self.unit])

    def propose(self, state: FloatArray, rough: bool) -> _Proposal:
        """One iteration, with products in single precision if `rough`."""
        n, d = self.operator.samples, self.operator.dim
        theta, residual = state[:d] / self.root, state[d:] * self.unit
        observed = self.step.observe(self.squares * theta, residual, rough=rough)
        zeta = threshold_for_weight_decay(observed, n, self.bound)
        shrunk = np.sign(observed) * np.maximum(np.abs(observed) - zeta, 0.0) / self.squares
        theta = np.where(self.present, shrunk, 0.0)
        # At a jump of D, the fraction of it that solves the threshold's equation.
        freedom = n - self.bound / zeta if zeta > 0 else float(np.count_nonzero(theta))
        miss = self.labels - self.operator.forward(theta, rough=rough)
        objective = 0.5 * float(miss @ miss) + self.bound * float(np.abs(theta).sum())
        subgradient = np.clip(observed / zeta, -1.0, 1.0) if zeta > 0 else np.sign(theta)
        corrected = self.step.correct(miss, freedom, residual)
        following = np.concatenate([self.root * theta, corrected / self.unit])
        return _Proposal(theta, subgradient, miss, objective, following)


def pass_messages(
    search: LassoSearch, *, alone: bool = False, start: FloatArray | None = None, leave: bool = False
) -> MessagePassingResult:
    """AMP with Anderson mixing until the support settles; with `alone`, until the tolerance is reached.

    `start` (d,) are weights of a neighbouring problem. With `leave`, it ends where the minimum all but interpolates.
    """
    operator, labels, bound, tolerance = search.operator, search.labels, search.bound, search.tolerance
    n, d = operator.samples, operator.dim
    columns, mixing, watch = _UnitColumns(search), Anderson(memory=5, damping=1.0, start=4), _SupportWatch()
    state, energy = columns.state(start), float(labels @ labels)
    lowest, out = np.inf, MessagePassingResult(np.zeros(d), np.zeros(d), labels)
    next_certificate, rough = 1e-2 if alone else 1e-6, True
    for iteration in range(1, min(LONGEST, search.left) + 1):
        new = columns.propose(state, rough)
        out.iterations, out.dual = iteration, state[d:]
        if search.progress is not None:
            search.progress(iteration, new.objective)
        if not np.isfinite(new.objective) or new.objective > 10 * energy:
            out.on_path = False
            return out
        if new.objective < lowest:
            lowest, out.theta, out.subgradient = new.objective, new.theta, new.subgradient
        change = float(np.linalg.norm(new.following - state)) / max(float(np.linalg.norm(new.following)), 1e-300)
        watch.record(new.theta, change)
        rough, settled = change > SINGLE, alone or watch.settled(new.active)
        if not alone:
            if leave and iteration >= EARLY and new.active >= INTERPOLATES * n:
                out.interpolates = True
                return out
            if settled and watch.newton_is_faster(n, d, new.active, tolerance):
                return out
            if watch.without_progress > PATIENCE:
                out.on_path = lowest < 0.5 * energy and change < 0.1
                return out
        if settled and change < next_certificate:
            next_certificate = 0.3 * change
            if lasso_certificate(operator, labels, new.theta, bound, residual=new.miss).gap <= tolerance:
                out.theta, out.subgradient = new.theta, new.subgradient
                return out
        state = mixing.step(state, new.following - state) if iteration > 1 else new.following
    return out
