"""A better dual point for the nuclear norm than the scaled residual.

Next to the minimum the objective is off by the square of the error, but the residual violates the dual constraint
``lambda_max(sum_mu u_mu Z_mu) <= b`` in first order, and scaling it into the feasible set costs as much. Instead the
smallest change `c` of the residual is found that brings its adjoint to `b` on the space of its top eigenvectors `V`,
where ``S`` lives: ``c = A(V E V^T)`` with ``V^T A*(c) V = -(V^T A*(u) V - b)``, a linear system of size
``r (r + 1)/2`` on inputs of `r` columns. What is left is of second order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .certificates import DualPoint

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import QuadraticOperator

#: Conjugate gradients end at this share of the right side, or after so many products.
SHARE, PRODUCTS = 0.02, 40


def dual_point(operator: QuadraticOperator, values: FloatArray) -> DualPoint:
    """The dual point of given `values` (n,)."""
    adjoint = operator.adjoint(values)
    return DualPoint(values, adjoint, operator.eigvalsh(adjoint))


def improved(operator: QuadraticOperator, point: DualPoint, rank: int, bound: float) -> DualPoint | None:
    """The point moved so that the top `rank` eigenvalues of its adjoint become `bound`, to first order.

    None on a device, and where the system has more unknowns than there are samples or was not solved.
    """
    if not operator.projects or not 0 < rank * (rank + 1) // 2 < operator.samples:
        return None
    values, vectors = operator.eigh(point.adjoint)
    small = operator.projected(vectors[:, -rank:])
    change = _smallest_change(small, np.diag(bound - values[-rank:]))
    return None if change is None else dual_point(operator, point.values + change)


def _smallest_change(small: QuadraticOperator, wanted: FloatArray) -> FloatArray | None:
    """Smallest ``c`` (n,) of this adjoint (r, r), roughly: conjugate gradients on ``A* A E = wanted``, ``c = A E``."""
    change, rest, along = np.zeros(small.samples), wanted, wanted
    square = start = float(np.square(wanted).sum())
    if start == 0.0:
        return None
    for _ in range(PRODUCTS):
        image = small.forward(along, rough=True)
        curvature = float(image @ image)
        if not curvature > 0:
            return None
        step = square / curvature
        change += step * image
        rest = rest - step * small.adjoint(image, rough=True)
        following = float(np.square(rest).sum())
        if following <= SHARE**2 * start:
            return change
        along = rest + (following / square) * along
        square = following
    return change if square < 0.1 * start and np.isfinite(square) else None
