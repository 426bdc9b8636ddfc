"""The LASSO on the few columns that can have a weight, where the bound leaves few.

With ``theta = 0`` the columns whose correlation with the labels is near the bound or beyond are few where the minimum
has few weights. The problem on these is one of their Gram matrix, however many rows there are: of its triangular factor
``R`` as data and ``R^{-T} X_W^T y`` as labels. One pass over all columns then shows which were missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from ..operators import DiagonalOperator
from .certificates import Certificate, lasso_certificate
from .homotopy import follow
from .support_newton import newton

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray

#: Columns count from these shares of the bound, the first that leaves few: at most so many times the square root of
#: all, and half the rows.
NEAR, MOST = (0.8, 1.0), 4.0
#: Passes over all columns at most.
PASSES = 6
#: The smallest pivot of a factor that is used, relative to its column.
INDEPENDENT = 1e-4
#: The gap of the small problem, relative to the one asked for.
SMALLER = 0.1


def few_columns(
    operator: DiagonalOperator, labels: FloatArray, bound: float, correlations: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray, Certificate] | None:
    """Weights, their subgradient and certificate from the few columns that count; None where they are not few.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d) > 0``.
    correlations : ndarray, shape (d,)
        ``X^T y``.
    tolerance : float
        Relative duality gap. The weights returned meet it or are the best after some passes.
    """
    most = min(MOST * np.sqrt(operator.dim), operator.samples / 2, operator.dim / 4)
    for share in NEAR:
        inside = np.abs(correlations) > share * bound
        if np.count_nonzero(inside) <= most:
            break
    best: tuple[FloatArray, FloatArray, Certificate] | None = None
    for _ in range(PASSES):
        if np.count_nonzero(inside) > most:
            break
        columns = np.flatnonzero(inside)
        weights = _on(operator, correlations, bound, columns, SMALLER * tolerance)
        if weights is None:
            break
        theta = np.zeros(operator.dim)
        theta[columns] = weights
        miss = labels - operator.forward(theta)
        seen = operator.adjoint(miss)
        proof = lasso_certificate(operator, labels, theta, bound, residual=miss, correlations=seen)
        if best is None or proof.gap < best[2].gap:
            best = theta, np.clip(seen / bound, -1.0, 1.0), proof
        missing = (np.abs(seen) > bound) & ~inside
        if proof.gap <= tolerance or not missing.any():
            break
        inside |= missing
    return best


def _on(
    operator: DiagonalOperator, correlations: FloatArray, bound: float, columns: NDArray[np.intp], tolerance: float
) -> FloatArray | None:
    """Weights of the LASSO on some columns; None where these depend on one another."""
    block = operator.columns(columns)
    gram = block.T @ block
    try:
        factor = cholesky(gram, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    if np.any(np.diag(factor) < INDEPENDENT * np.sqrt(np.diag(gram))):
        return None
    small, seen = DiagonalOperator(factor), correlations[columns]
    images = solve_triangular(factor, seen, trans="T", check_finite=False)
    guess = np.sign(seen) * np.maximum(np.abs(seen) - bound, 0.0) / np.diag(gram)  # exact for orthogonal columns
    end = newton(small, images, bound, guess, tolerance=tolerance)
    if end.certificate.gap <= tolerance:
        return end.theta
    largest = float(np.abs(seen).max())
    return follow(small, images, bound, np.zeros(columns.size), seen / largest, max_steps=20 * columns.size)[0]
