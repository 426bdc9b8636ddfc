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

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import QuadraticOperator
    from ..operators.diagonal import DiagonalOperator


#: Rounding of one operation.
EPSILON = float(np.finfo(float).eps)


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


def nuclear_certificate(
    operator: QuadraticOperator,
    labels: FloatArray,
    factor: FloatArray,
    penalty: float,
    *,
    residual: FloatArray | None = None,
    adjoint: FloatArray | None = None,
) -> Certificate:
    """Certificate of ``S = F F^T`` (`factor` of shape (d, r)) for ``(1/d^2) sum (y - f)^2 + pen Tr(S)/d``, ``S >= 0``.

    `residual` ``y - f`` and `adjoint` ``sum_mu residual_mu Z_mu`` are computed unless given.
    """
    d = operator.dim
    if residual is None:
        residual = labels - operator.forward_factor(factor)
    if adjoint is None:
        adjoint = operator.adjoint(residual)
    trace = float(np.square(factor).sum())
    square = float(residual @ residual)
    bound = penalty * d / 2
    largest = float(operator.eigvalsh(adjoint)[-1])
    scale = _scale(residual, labels, largest, bound)
    dual = (2 * scale * float(residual @ labels) - scale**2 * square) / d**2
    start = float(np.abs(operator.eigvalsh(operator.adjoint(labels))).max()) if bound == 0.0 else 0.0
    complementarity = bound * trace - float(np.einsum("ij,ij->", factor, adjoint @ factor))
    return Certificate(
        objective=square / d**2 + penalty * trace / d,
        dual=max(dual, 0.0) if bound > 0 else None,
        residual=_conditions(largest, complementarity, trace, bound, start),
        train_error=square / labels.size,
    )
