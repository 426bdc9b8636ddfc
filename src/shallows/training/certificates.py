"""How far given weights are from the training minimum, proved by a dual point.

For both networks the dual point is the residual scaled into the feasible set,

    diagonal:   maximise ``u.y - ||u||^2/2``           subject to ``|X^T u| <= lam sqrt(d)``,
    quadratic:  maximise ``(2 u.y - ||u||^2)/d^2``     subject to ``(2/d) lambda_max(sum_mu u_mu Z_mu) <= pen``,

the Lagrange duals of the two problems of the theory note, section 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._display import Displayed
from ..operators.quadratic_rounding import EPSILON, PAIRWISE

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import QuadraticOperator
    from ..operators.diagonal import DiagonalOperator


@dataclass(frozen=True, repr=False)
class Certificate(Displayed):
    """Objective, a lower bound of its minimum, and the violation of the optimality conditions.

    Attributes
    ----------
    objective : float
    dual : float or None
        A lower bound of the minimum; None where there is none.
    residual : float
        Relative violation of the optimality conditions.
    train_error : float
        Mean squared residual.

    Examples
    --------
    >>> from shallows.training import Certificate
    >>> Certificate(objective=2.0, dual=1.5, residual=0.1, train_error=0.3).gap
    0.25
    """

    objective: float
    dual: float | None
    residual: float
    train_error: float

    @property
    def gap(self) -> float:
        """Relative duality gap (infinite without a bound)."""
        if self.dual is None:
            return np.inf
        if self.objective == 0:
            return 0.0
        return float(max(0.0, (self.objective - self.dual) / self.objective))


def _scale(residual: FloatArray, labels: FloatArray, largest: float, bound: float) -> float:
    """The best multiple of the residual that is dual feasible, given that `largest` must be at most `bound`."""
    square = float(residual @ residual)
    if square == 0.0:
        return 0.0
    best = float(residual @ labels) / square
    return max(0.0, min(best, bound / largest)) if largest > 0 else max(0.0, best)


def _conditions(largest: float, complementarity: float, size: float, bound: float, start: float) -> float:
    """Relative violation of feasibility and complementarity; where the bound is zero, relative to the start."""
    if bound == 0.0:
        return max(largest, 0.0) / start if start > 0 else 0.0
    slack = abs(complementarity) / (bound * size) if bound * size > 0 else 0.0
    return max(max(largest - bound, 0.0) / bound, slack)


def lasso_certificate(
    operator: DiagonalOperator,
    labels: FloatArray,
    theta: FloatArray,
    bound: float,
    *,
    residual: FloatArray | None = None,
    correlations: FloatArray | None = None,
) -> Certificate:
    """Certificate of `theta` (d,) for ``1/2 ||y - X theta||^2 + bound ||theta||_1``, ``bound = lam sqrt(d)``.

    `residual` ``y - X theta`` and `correlations` ``X^T residual`` are computed unless given.
    """
    if residual is None:
        residual = labels - operator.forward(theta)
    if correlations is None:
        correlations = operator.adjoint(residual)
    size = float(np.abs(theta).sum())
    loss = 0.5 * float(residual @ residual)
    # The residual is the difference of terms that are known to their rounding, and so are the correlations with it.
    lengths = np.sqrt(operator.squares)
    rounding = EPSILON * (float(np.linalg.norm(labels)) + float(np.abs(theta) @ lengths))
    largest = float((np.abs(correlations) + rounding * lengths).max())
    scale = _scale(residual, labels, largest, bound)
    along = float(residual @ labels)
    dual = scale * along - scale**2 * loss - EPSILON * (abs(scale * along) + scale**2 * loss)
    start = float(np.abs(operator.adjoint(labels)).max()) if bound == 0.0 else 0.0
    complementarity = bound * size - float(theta @ correlations) if size > 0 else 0.0
    return Certificate(
        objective=loss + (bound * size if size > 0 else 0.0),
        dual=max(dual, 0.0) if bound > 0 else None,
        residual=_conditions(largest, complementarity, size, bound, start),
        train_error=2 * loss / labels.size,
    )


@dataclass(frozen=True, eq=False)
class DualPoint:
    """A candidate for the nuclear norm's dual: any vector will do, once it is scaled into the feasible set.

    Attributes
    ----------
    values : ndarray, shape (n,)
    adjoint : ndarray, shape (d, d)
        ``sum_mu values_mu Z_mu``, in double precision.
    eigenvalues : ndarray, shape (d,)
        Of the adjoint, increasing.
    """

    values: FloatArray
    adjoint: FloatArray
    eigenvalues: FloatArray

    def bound(self, operator: QuadraticOperator, labels: FloatArray, bound: float) -> float:
        """A lower bound of ``d^2`` times the minimum; the rounding of everything here is counted."""
        values, eigenvalues = self.values, self.eigenvalues
        backward = eigenvalues.size * EPSILON * float(np.abs(eigenvalues).max())
        largest = float(eigenvalues[-1]) + backward + operator.rounding_of_adjoint(values)
        scale = _scale(values, labels, largest, bound) * (1 - 4 * EPSILON)
        terms, square = values * labels, float(np.square(values).sum())
        counted = (PAIRWISE + 4) * EPSILON * (2 * scale * float(np.abs(terms).sum()) + scale**2 * square)
        return float(2 * scale * float(terms.sum()) - scale**2 * square - counted)


def nuclear_certificate(
    operator: QuadraticOperator,
    labels: FloatArray,
    factor: FloatArray,
    penalty: float,
    *,
    residual: FloatArray | None = None,
    adjoint: FloatArray | None = None,
    dual: DualPoint | None = None,
) -> Certificate:
    """Certificate of ``S = F F^T`` (`factor` of shape (d, r)) for ``(1/d^2) sum (y - f)^2 + pen Tr(S)/d``, ``S >= 0``.

    `residual` ``y - f`` and `adjoint` ``sum_mu residual_mu Z_mu`` are computed unless given; `dual` is a better point
    than the residual. The lower bound is less by what rounding may have done to it and to the objective.
    """
    d = operator.dim
    if residual is None:
        residual = labels - operator.forward_factor(factor)
    if adjoint is None:
        adjoint = operator.adjoint(residual)
    trace, square = float(np.square(factor).sum()), float(np.square(residual).sum())
    bound, objective = penalty * d / 2, square / d**2 + penalty * trace / d
    own = DualPoint(residual, adjoint, operator.eigvalsh(adjoint)) if dual is None else dual
    largest = float(own.eigenvalues[-1] if dual is None else operator.eigvalsh(adjoint)[-1])
    lower = None
    if bound > 0:
        uncertain = _rounding_of_objective(operator, labels, factor, residual) + (PAIRWISE + 8) * EPSILON * objective
        lower = max(own.bound(operator, labels, bound) / d**2 - uncertain, 0.0)
    start = float(np.abs(operator.eigvalsh(operator.adjoint(labels))).max()) if bound == 0.0 else 0.0
    complementarity = bound * trace - float(np.einsum("ij,ij->", factor, adjoint @ factor))
    return Certificate(
        objective=objective,
        dual=lower,
        residual=_conditions(largest, complementarity, trace, bound, start),
        train_error=square / labels.size,
    )


def _rounding_of_objective(
    operator: QuadraticOperator, labels: FloatArray, factor: FloatArray, residual: FloatArray
) -> float:
    """What the rounding of the outputs may have done to the mean square, in units of the objective."""
    if factor.shape[1] == 0:
        return 0.0
    fitted = labels - residual
    error = operator.rounding_of_outputs(factor, fitted) + EPSILON * (np.abs(labels) + np.abs(fitted))
    return float((error * (2 * np.abs(residual) + error)).sum()) / operator.dim**2
