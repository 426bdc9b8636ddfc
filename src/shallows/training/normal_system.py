"""Systems ``(1 + X D X^T) u = r`` of an interior-point step, (n, n), with positive weights ``D`` (d,).

A Cholesky factor of the columns that count, in single precision while that is enough, and conjugate gradients for the
rest. Few columns count: those of the `n` largest weights, and of the others so many that what is left out is small
beside what is left of these. It enters the factor by its mean, a multiple of the identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import get_lapack_funcs

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import DiagonalOperator

#: Columns are left out of the factor whose weights add up to at most this share of the identity and all weights but
#: the `n` largest.
SHARE = 0.2
#: The factor is in double precision where at most so many columns for each row count.
FEW = 1.5
#: Steps of conjugate gradients at most.
CORRECTIONS = 16


class UnitColumns:
    """Products with ``X``, its columns at unit mean square."""

    def __init__(self, operator: DiagonalOperator) -> None:
        self.operator, self.scales = operator, operator.scales

    def forward(self, theta: FloatArray) -> FloatArray:
        """``X theta``, shape (n,)."""
        return self.operator.forward(theta / self.scales)

    def adjoint(self, values: FloatArray) -> FloatArray:
        """``X^T values``, shape (d,)."""
        return self.operator.adjoint(values) / self.scales


class NormalSystem:
    """A factor of the system, and solutions by conjugate gradients.

    Parameters
    ----------
    columns : UnitColumns
    weights : ndarray, shape (d,)
        ``D``, not negative.
    dtype : float32 or float64
        Of the factor; it may be in float64 where float32 was asked for.
    """

    def __init__(self, columns: UnitColumns, weights: FloatArray, dtype: Any) -> None:
        self.columns, self.weights = columns, weights
        rows = columns.operator.samples
        kept, rest = _that_count(weights, rows)
        self.dtype = np.dtype(np.float64 if kept.size <= FEW * rows else dtype)
        potrf, self.potrs = get_lapack_funcs(("potrf", "potrs"), dtype=self.dtype)
        matrix = columns.operator.row_products(kept, weights[kept], self.dtype)
        matrix[np.diag_indices_from(matrix)] += 1.0 + rest
        self.factor, failed = potrf(matrix, lower=1, overwrite_a=1, clean=0)
        #: Whether there is a factor.
        self.usable = not failed and bool(np.isfinite(np.diag(self.factor)).all())
        #: Whether conjugate gradients ended above their goal.
        self.stalled = False

    def roughly(self, right: FloatArray) -> FloatArray:
        """The solution for the factor alone, (n,)."""
        size = float(np.abs(right).max()) or 1.0  # keeps single precision in its range
        solution, _ = self.potrs(self.factor, (right / size).astype(self.dtype), lower=1)
        return size * np.asarray(solution, dtype=np.float64)

    def solve(self, right: FloatArray, goal: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The solution `u`, (n,), ``X^T u``, (d,), and ``X D X^T u``, (n,), to a residual of norm `goal`."""
        solution, image, along = np.zeros_like(right), np.zeros_like(right), np.zeros_like(self.weights)
        left, direction, energy = right, np.zeros_like(right), 0.0
        for _ in range(CORRECTIONS):
            if float(np.linalg.norm(left)) <= goal:
                break
            proposed = self.roughly(left)
            before, energy = energy, float(left @ proposed)
            direction = proposed + (energy / before * direction if before > 0 else 0.0)
            seen = self.columns.adjoint(direction)
            part = self.columns.forward(self.weights * seen)
            curvature = float(direction @ (direction + part))
            if not curvature > 0:
                break
            share = energy / curvature
            solution, along, image = solution + share * direction, along + share * seen, image + share * part
            left = left - share * (direction + part)
        self.stalled = not float(np.linalg.norm(left)) <= goal
        return solution, along, image


def _that_count(weights: FloatArray, rows: int) -> tuple[Any, float]:
    """Columns that the factor needs, increasing, and the sum of the other weights."""
    order = np.argsort(weights)
    sums = np.cumsum(weights[order])
    lighter = float(sums[-rows - 1]) if weights.size > rows else 0.0
    left_out = int(np.searchsorted(sums, SHARE * (1.0 + lighter)))
    return np.sort(order[left_out:]), float(sums[left_out - 1]) if left_out else 0.0
