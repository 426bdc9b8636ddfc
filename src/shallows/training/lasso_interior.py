"""Interior-point stage of the LASSO: for minima next to interpolation, where a guessed support is far off.

Where as many weights as samples stand, message passing has no slack left, and the path from its guess to the minimum
has thousands of breakpoints. A primal-dual predictor-corrector method (Mehrotra 1992) takes about fifteen steps there,
on every draw: with ``theta = p - m``, ``p, m >= 0``, and a dual point `u` strictly inside ``|x_j . u| < b_j``, it
follows

    p_j (b_j - x_j . u) = m_j (b_j + x_j . u) = mu,      u = y - X theta,

to ``mu = 0``. Each step is one Cholesky factor of ``1 + X D X^T``, (n, n), with
``D = p/(b - X^T u) + m/(b + X^T u)``: in single precision while that is enough; in double, on the columns that still
count, near the end. Conjugate gradients remove what either left out. Columns have unit mean square here, so that their
scales do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import get_lapack_funcs

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import DiagonalOperator

#: The first dual point lies so far inside its constraints; steps go so far towards them.
INSIDE, BOUNDARY = 0.9, 0.995
#: Relative residual of a Newton system that is good enough, and conjugate-gradient steps at most towards it.
SOLVED, CORRECTIONS = 1e-4, 8
#: Columns whose weights in `D` add up to this share of the identity are left out of the factor.
NEGLIGIBLE = 0.02
#: The method ends at this relative duality gap at the latest, and where a step is this short.
SMALLEST_GAP, SHORTEST = 1e-10, 1e-8


@dataclass
class InteriorResult:
    """Weights (d,) with exact zeros off the support, their subgradient (d,), and the steps taken."""

    theta: FloatArray
    subgradient: FloatArray
    steps: int


def interior_point(
    operator: DiagonalOperator, labels: FloatArray, bound: float, theta: FloatArray, *, tolerance: float, max_steps: int
) -> InteriorResult:
    """Follow the central path from a guess to a relative duality gap far below `tolerance`.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d) > 0``.
    theta : ndarray, shape (d,)
        The guess; one that is worse than zero is replaced by it.
    tolerance : float
        Of the problem. The support shows at a gap of its hundredth.
    max_steps : int

    Returns
    -------
    InteriorResult
    """
    path = _CentralPath(operator, labels, bound, theta)
    goal, steps = max(0.01 * tolerance, SMALLEST_GAP), 0
    while steps < max_steps and path.gap > goal:
        steps += 1
        if not path.advance() > SHORTEST:
            break
    return InteriorResult(*path.end(), steps)


class _CentralPath:
    """Weights, dual point and slacks, all in units of columns with unit mean square."""

    def __init__(self, operator: DiagonalOperator, labels: FloatArray, bound: float, theta: FloatArray) -> None:
        self.operator, self.labels = operator, labels
        self.present = operator.squares > 0
        self.bounds = bound / operator.scales
        theta = operator.scales * theta
        miss = labels - self.forward(theta)
        if 0.5 * float(miss @ miss) + float(self.bounds @ np.abs(theta)) > 0.5 * float(labels @ labels):
            theta, miss = np.zeros_like(theta), labels
        correlations = self.adjoint(miss)
        inside = min(1.0, INSIDE / float((np.abs(correlations) / self.bounds).max()))
        self.dual, correlations = inside * miss, inside * correlations
        self.low, self.high = self.bounds - correlations, self.bounds + correlations
        objective, dual = self._values(theta, miss)
        centre = max((objective - dual) / (2 * theta.size), 1e-12 * objective)
        self.plus, self.minus = np.maximum(theta, 0) + centre / self.low, np.maximum(-theta, 0) + centre / self.high
        self.miss = labels - self.forward(self.theta)
        self.dtype: Any = np.float32

    def forward(self, theta: FloatArray) -> FloatArray:
        return self.operator.forward(theta / self.operator.scales)

    def adjoint(self, values: FloatArray) -> FloatArray:
        return self.operator.adjoint(values) / self.operator.scales

    @property
    def theta(self) -> FloatArray:
        return self.plus - self.minus

    def _values(self, theta: FloatArray, miss: FloatArray) -> tuple[float, float]:
        """Objective of the weights and of the dual point."""
        objective = 0.5 * float(miss @ miss) + float(self.bounds @ np.abs(theta))
        return objective, float(self.dual @ self.labels) - 0.5 * float(self.dual @ self.dual)

    @property
    def gap(self) -> float:
        """Relative duality gap."""
        objective, dual = self._values(self.theta, self.miss)
        return (objective - dual) / objective if objective > 0 else 0.0

    def advance(self) -> float:
        """One predictor-corrector step; its length, of at most 1."""
        weights = self.plus / self.low + self.minus / self.high
        system = _NormalSystem(self, weights, self.dtype)
        while not system.usable and self.dtype is np.float32:
            self.dtype = np.float64
            system = _NormalSystem(self, weights, self.dtype)
        if not system.usable:
            return 0.0
        away = self.miss - self.dual
        products = self.plus * self.low, self.minus * self.high
        mean = (products[0].sum() + products[1].sum()) / (2 * weights.size)
        moves = self._direction(system, away, -products[0], -products[1])
        length = self._length(moves, 1.0)
        _, along, plus, minus = moves
        ahead = float((self.plus + length * plus) @ (self.low - length * along))
        ahead += float((self.minus + length * minus) @ (self.high + length * along))
        centre = mean * (ahead / (2 * weights.size) / mean) ** 3
        moves = self._direction(system, away, centre - products[0] + plus * along, centre - products[1] - minus * along)
        length = self._length(moves, BOUNDARY)
        dual, along, plus, minus = moves
        self.dual = self.dual + length * dual
        self.low, self.high = self.low - length * along, self.high + length * along
        self.plus, self.minus = self.plus + length * plus, self.minus + length * minus
        self.miss = self.labels - self.forward(self.theta)
        if system.hard:
            self.dtype = np.float64
        return length

    def _direction(
        self, system: _NormalSystem, away: FloatArray, low: FloatArray, high: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Moves of the dual point, of ``X^T u`` and of the two parts of the weights, for wanted changes of products."""
        low, high = low / self.low, high / self.high
        dual, along = system.solve(away - self.forward(low - high))
        return dual, along, low + self.plus / self.low * along, high - self.minus / self.high * along

    def _length(self, moves: tuple[FloatArray, FloatArray, FloatArray, FloatArray], share: float) -> float:
        """The longest step that keeps everything positive, of which `share` is taken; at most 1."""
        _, along, plus, minus = moves
        fastest = max(
            float((-move / value).max())
            for value, move in (
                (self.plus, plus),
                (self.minus, minus),
                (self.low, -along),
                (self.high, along),
            )
        )
        return min(1.0, share / fastest) if fastest > 0 else 1.0

    def end(self) -> tuple[FloatArray, FloatArray]:
        """Weights that outweigh their slack, each in its own units, and the subgradient."""
        size = float(np.abs(self.theta).max()) or 1.0
        active = np.maximum(self.plus, self.minus) / size > np.minimum(self.low, self.high) / self.bounds
        theta = np.where(active & self.present, self.theta / self.operator.scales, 0.0)
        return theta, np.clip((self.high - self.low) / (2 * self.bounds), -1.0, 1.0)


class _NormalSystem:
    """``(1 + X D X^T) u = r``: a Cholesky factor of the columns that count, and conjugate gradients for the rest."""

    def __init__(self, path: _CentralPath, weights: FloatArray, dtype: Any) -> None:
        self.path, self.weights = path, weights
        order = np.argsort(weights)
        light = order[: int(np.searchsorted(np.cumsum(weights[order]), NEGLIGIBLE))]
        kept = np.ones(weights.size, dtype=bool)
        kept[light] = False
        columns = np.flatnonzero(kept)
        (factorise,) = get_lapack_funcs(("potrf",), dtype=dtype)
        matrix = path.operator.row_products(columns, weights[columns], dtype)
        matrix[np.diag_indices_from(matrix)] += 1.0
        self.factor, failed = factorise(matrix, lower=1, overwrite_a=1, clean=0)
        (self.solver,) = get_lapack_funcs(("potrs",), dtype=dtype)
        self.dtype = dtype
        self.usable = not failed and bool(np.isfinite(np.diag(self.factor)).all())
        self.hard = False

    def _roughly(self, right: FloatArray) -> FloatArray:
        size = float(np.abs(right).max()) or 1.0
        solution, _ = self.solver(self.factor, (right / size).astype(self.dtype), lower=1)
        return size * np.asarray(solution, dtype=np.float64)

    def _times(self, vector: FloatArray) -> tuple[FloatArray, FloatArray]:
        along = self.path.adjoint(vector)
        return vector + self.path.forward(self.weights * along), along

    def solve(self, right: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The solution `u`, (n,), and ``X^T u``, (d,)."""
        goal = SOLVED * float(np.linalg.norm(right))
        solution, along = np.zeros_like(right), np.zeros_like(self.weights)
        left = right
        direction, energy = np.zeros_like(right), 0.0
        for step in range(CORRECTIONS):  # noqa: B007 - read after the loop
            proposed = self._roughly(left)
            before, energy = energy, float(left @ proposed)
            direction = proposed + (energy / before * direction if before > 0 else 0.0)
            image, seen = self._times(direction)
            curvature = float(direction @ image)
            if not curvature > 0:
                break
            share = energy / curvature
            solution, along, left = solution + share * direction, along + share * seen, left - share * image
            if float(np.linalg.norm(left)) <= goal:
                break
        self.hard = self.hard or step >= CORRECTIONS // 2
        return solution, along
