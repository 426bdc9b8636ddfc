"""Interior-point stage of the LASSO: for minima next to interpolation, where a guessed support is far off.

Where as many weights as samples stand, message passing has no slack left, and the path from its guess to the minimum
has thousands of breakpoints. A primal-dual predictor-corrector method (Mehrotra 1992) takes about thirteen steps there,
on every draw: with ``theta = p - m``, ``p, m >= 0``, and a dual point `u` strictly inside ``|x_j . u| < b_j``, it
follows

    p_j (b_j - x_j . u) = m_j (b_j + x_j . u) = mu,      u = y - X theta,

to ``mu = 0``. Each step solves one system ``1 + X D X^T``, (n, n), with ``D = p/(b - X^T u) + m/(b + X^T u)``: by
conjugate gradients, after a Cholesky factor of the columns that count (:mod:`.normal_system`). Columns have unit mean
square here, so that their scales do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .normal_system import NormalSystem, UnitColumns

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import DiagonalOperator

#: The first dual point lies so far inside its constraints; steps go so far towards them.
INSIDE, BOUNDARY = 0.95, 0.995
#: Relative residual of the predictor's system; residual of the corrector's over the square root of the gap.
PREDICTED, SOLVED = 0.01, 0.05
#: The first weights fit the labels to this share of their miss, after so many steps of conjugate gradients at most.
FITTED, FITTING = 1e-3, 30
#: The method ends at this relative duality gap at the latest, and where a step is this short.
SMALLEST_GAP, SHORTEST = 1e-10, 1e-8


@dataclass
class InteriorResult:
    """Weights (d,) with exact zeros off the support, their subgradient (d,), and the steps taken."""

    theta: FloatArray
    subgradient: FloatArray
    steps: int


def interior_point(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    guess: tuple[FloatArray, FloatArray | None],
    *,
    tolerance: float,
    max_steps: int,
) -> InteriorResult:
    """Follow the central path from a guess to a relative duality gap far below `tolerance`.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d) > 0``.
    guess : pair of ndarrays, shapes (d,) and (n,)
        Weights, and a direction of the dual point beside that of the labels they miss, or None. Weights that are worse
        than zero are replaced by it.
    tolerance : float
        Of the problem. The support shows at a gap of its hundredth.
    max_steps : int

    Returns
    -------
    InteriorResult
    """
    path = _CentralPath(operator, labels, bound, *guess)
    goal, steps = max(0.01 * tolerance, SMALLEST_GAP), 0
    while steps < max_steps and path.gap > goal:
        steps += 1
        if not path.advance() > SHORTEST:
            break
    return InteriorResult(*path.end(), steps)


class _CentralPath:
    """Weights, dual point and slacks, all in units of columns with unit mean square."""

    dual: FloatArray

    def __init__(
        self,
        operator: DiagonalOperator,
        labels: FloatArray,
        bound: float,
        theta: FloatArray,
        direction: FloatArray | None,
    ) -> None:
        self.columns, self.labels = UnitColumns(operator), labels
        self.present, self.bounds = operator.squares > 0, bound / operator.scales
        theta = operator.scales * theta
        miss = labels - self.columns.forward(theta)
        if self._objective(theta, miss) > 0.5 * float(labels @ labels):
            theta, miss = np.zeros_like(theta), labels
        correlations = self._best_dual([miss] if direction is None else [direction, miss])
        self.low, self.high = self.bounds - correlations, self.bounds + correlations
        theta, self.miss = self._fitting(theta, miss)
        objective = self._objective(theta, self.miss)
        centre = max((objective - self._dual_value(self.dual)) / (2 * theta.size), 1e-12 * objective)
        both = centre / np.sqrt(self.low * self.high)
        self.plus, self.minus = np.maximum(theta, 0) + both, np.maximum(-theta, 0) + both
        self.dtype: Any = np.float32

    def _best_dual(self, directions: list[FloatArray]) -> FloatArray:
        """Set the dual point: the best multiple of one of the directions that keeps off the constraints; ``X^T u``."""
        best = -np.inf
        for direction in directions:
            seen = self.columns.adjoint(direction)
            most, square = float((np.abs(seen) / self.bounds).max()), float(direction @ direction)
            size = max(float(direction @ self.labels) / square, 0.0) if square > 0 else 0.0
            size = min(size, INSIDE / most) if most > 0 else size
            if self._dual_value(size * direction) > best:
                self.dual, correlations = size * direction, size * seen
                best = self._dual_value(self.dual)
        return correlations

    def _fitting(self, theta: FloatArray, miss: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights that miss the labels by the dual point, the nearest to `theta`, where that is better; their miss."""
        fitted, left = theta, miss - self.dual
        direction, square = left, float(left @ left)
        goal = FITTED**2 * square
        for _ in range(FITTING):
            if square <= goal:
                break
            along = self.columns.adjoint(direction)
            share = square / float(along @ along)
            fitted, left = fitted + share * along, left - share * self.columns.forward(along)
            before, square = square, float(left @ left)
            direction = left + square / before * direction
        better = self._objective(fitted, left + self.dual) < self._objective(theta, miss)
        return (fitted, left + self.dual) if better else (theta, miss)

    @property
    def theta(self) -> FloatArray:
        return self.plus - self.minus

    def _objective(self, theta: FloatArray, miss: FloatArray) -> float:
        return 0.5 * float(miss @ miss) + float(self.bounds @ np.abs(theta))

    def _dual_value(self, dual: FloatArray) -> float:
        return float(dual @ self.labels) - 0.5 * float(dual @ dual)

    def _excess(self) -> tuple[float, float]:
        """Duality gap and objective."""
        objective = self._objective(self.theta, self.miss)
        return objective - self._dual_value(self.dual), objective

    @property
    def gap(self) -> float:
        """Relative duality gap."""
        excess, objective = self._excess()
        return excess / objective if objective > 0 else 0.0

    def advance(self) -> float:
        """One predictor-corrector step; its length, of at most 1."""
        weights = self.plus / self.low + self.minus / self.high
        system = NormalSystem(self.columns, weights, self.dtype)
        moves = self._moves(system) if system.usable else None
        if system.dtype == np.float32 and (moves is None or system.stalled):
            self.dtype = np.float64
            system = NormalSystem(self.columns, weights, self.dtype)
            moves = self._moves(system) if system.usable else None
        if moves is None:
            return 0.0
        dual, along, plus, minus, image = moves
        length = self._length(along, plus, minus, BOUNDARY)
        self.dual, self.miss = self.dual + length * dual, self.miss - length * image
        self.low, self.high = self.low - length * along, self.high + length * along
        self.plus, self.minus = self.plus + length * plus, self.minus + length * minus
        return length

    def _moves(self, system: NormalSystem) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Moves of the dual point, of ``X^T u``, of the two parts of the weights, and of the weights' image.

        The predictor aims at ``mu = 0``; the corrector takes in how its moves multiply.
        """
        right = self.labels - self.dual
        along = system.solve(right, PREDICTED * float(np.linalg.norm(right)))[1]
        plus, minus = self._parts(along, -self.plus, -self.minus)
        length = self._length(along, plus, minus, 1.0)
        low, high = self.plus * self.low, self.minus * self.high
        total = float(low.sum() + high.sum())
        ahead = float((self.plus + length * plus) @ (self.low - length * along))
        ahead += float((self.minus + length * minus) @ (self.high + length * along))
        centre = total / (2 * along.size) * (ahead / total) ** 3
        low = (centre - low + plus * along) / self.low
        high = (centre - high - minus * along) / self.high
        image = self.columns.forward(low - high)
        goal = SOLVED * float(np.sqrt(max(self._excess()[0], 0.0)))
        dual, along, rest = system.solve(self.miss - self.dual - image, goal)
        return dual, along, *self._parts(along, low, high), image + rest

    def _parts(self, along: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Moves of the parts of the weights that go with one of ``X^T u``, and those wanted without."""
        return low + self.plus / self.low * along, high - self.minus / self.high * along

    def _length(self, along: FloatArray, plus: FloatArray, minus: FloatArray, share: float) -> float:
        """The longest step that keeps everything positive, of which `share` is taken; at most 1."""
        fastest = max(
            float((-move / value).max())
            for value, move in ((self.plus, plus), (self.minus, minus), (self.low, -along), (self.high, along))
        )
        return min(1.0, share / fastest) if fastest > 0 else 1.0

    def end(self) -> tuple[FloatArray, FloatArray]:
        """Weights that outweigh their slack, each in its own units, and the subgradient."""
        size = float(np.abs(self.theta).max()) or 1.0
        active = np.maximum(self.plus, self.minus) / size > np.minimum(self.low, self.high) / self.bounds
        theta = np.where(active & self.present, self.theta / self.columns.scales, 0.0)
        return theta, np.clip((self.high - self.low) / (2 * self.bounds), -1.0, 1.0)
